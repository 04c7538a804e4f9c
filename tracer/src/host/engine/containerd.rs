//! containerd's interface: two of its calls, and what is read of their messages (api/services/containers/v1
//! and api/services/namespaces/v1 of containerd).

use std::{collections::BTreeMap, io, path::Path};

use hyper::http::uri::PathAndQuery;
use prost::Message;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

const NAMESPACES: &str = "/containerd.services.namespaces.v1.Namespaces/List";
const CONTAINER: &str = "/containerd.services.containers.v1.Containers/Get";
/// Whose container it is: containerd's namespaces are groups of containers, and none of the kernel's.
const NAMESPACE: &str = "containerd-namespace";
/// Docker gives it to the containers that it has containerd run, and keeps their other labels to itself.
const DOCKERS: &str = "com.docker/engine.bundle.path";

#[derive(Clone, PartialEq, Eq, Message)]
struct ListNamespaces {}

#[derive(Clone, PartialEq, Eq, Message)]
struct Namespaces {
    #[prost(message, repeated, tag = "1")]
    namespaces: Vec<Namespace>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Namespace {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct GetContainer {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Found {
    #[prost(message, optional, tag = "1")]
    container: Option<Container>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Container {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(btree_map = "string, string", tag = "2")]
    labels: BTreeMap<String, String>,
}

/// `None` = the engine has no such container.
pub(super) async fn ask(socket: &Path, id: &str) -> io::Result<Option<BTreeMap<String, String>>> {
    let address = format!("unix://{}", socket.display());
    let endpoint = Endpoint::from_shared(address).map_err(io::Error::other)?;
    let mut client = Grpc::new(endpoint.connect().await.map_err(io::Error::other)?);
    let all: Namespaces = call(&mut client, NAMESPACES, Request::new(ListNamespaces {}))
        .await
        .map_err(io::Error::other)?;
    let mut found = Vec::new();
    for namespace in all.namespaces {
        let mut request = Request::new(GetContainer { id: id.to_owned() });
        let name: MetadataValue<Ascii> = namespace.name.parse().map_err(io::Error::other)?;
        request.metadata_mut().insert(NAMESPACE, name);
        match call::<_, Found>(&mut client, CONTAINER, request).await {
            Ok(answer) => found.extend(answer.container.filter(|container| container.id == id)),
            // An id from the path of a cgroup that somebody has named need not even be one.
            Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => {}
            Err(status) => return Err(io::Error::other(status)),
        }
    }
    the_labels(found)
}

/// Those of the one container that bears an id: several namespaces may have one of the same, and nothing tells which
/// is meant.
fn the_labels(mut found: Vec<Container>) -> io::Result<Option<BTreeMap<String, String>>> {
    if found.len() > 1 {
        let reason = "several of its namespaces have a container of this id";
        return Err(io::Error::other(reason));
    }
    let labels = found.pop().map(|container| container.labels);
    Ok(labels.filter(|labels| !labels.contains_key(DOCKERS)))
}

async fn call<Question, Answer>(
    client: &mut Grpc<Channel>,
    method: &'static str,
    request: Request<Question>,
) -> Result<Answer, Status>
where
    Question: Message + Send + Sync + 'static,
    Answer: Message + Default + Send + Sync + 'static,
{
    let ready = client.ready().await;
    ready.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static(method);
    let codec = ProstCodec::<Question, Answer>::default();
    Ok(client.unary(request, path, codec).await?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(key: &str) -> Container {
        Container {
            id: "web".to_owned(),
            labels: [(key.to_owned(), "7".to_owned())].into(),
        }
    }

    #[test]
    fn labels_are_told_of_one_container_alone() {
        let labels = the_labels(vec![labelled("job")]).expect("one");
        assert_eq!(labels.expect("labels")["job"], "7");
        assert_eq!(the_labels(Vec::new()).expect("none"), None);
        assert_eq!(the_labels(vec![labelled(DOCKERS)]).expect("one"), None);
        let several = the_labels(vec![labelled("other"), labelled("job")]);
        let error = several.expect_err("two").to_string();
        assert!(error.contains("several"), "{error}");
    }
}
