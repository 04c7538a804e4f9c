//! SARIF, held against the schema of its standard, which is OASIS's, as they publish it
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>).

use serde_json::Value;

use super::*;
use crate::expect::CATALOG;

fn document(view: &View) -> Value {
    serde_json::from_str(&of(Export::Sarif, view)).expect("JSON")
}

#[test]
fn a_failing_run_as_sarif() {
    insta::assert_snapshot!(of(Export::Sarif, &spoilt_run()));
}

#[test]
fn every_document_is_valid_against_the_schema_of_the_standard() {
    let schema = include_str!("sarif-schema-2.1.0.json");
    // As published this is no regular expression: a bracket too many, in both places.
    let language = "\"^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$\"";
    assert_eq!(schema.matches(language).count(), 2);
    let schema = schema.replace(language, "\"^[a-zA-Z]{2}(-[a-zA-Z]{2})?$\"");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let none = View::of(&nothing_made()).expect("a view");
    for view in [passing_run(), spoilt_run(), hostile_view(), none] {
        let document = document(&view);
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0]);
    }
    assert!(
        !validator.is_valid(&serde_json::json!({ "version": "2.1.0" })),
        "it can fail"
    );
}

#[test]
fn each_result_points_at_what_asked_for_it() {
    let mut verification = hostile();
    let origins = [
        ("a b/expect.yaml:12", "a%20b/expect.yaml", 12),
        (
            "/b/config.json:41: linux.seccomp",
            "file:///b/config.json",
            41,
        ),
        (
            "preset oci-default:7, --memory",
            "presets/oci-default.yaml",
            7,
        ),
    ];
    let items = origins.iter().map(|(origin, ..)| Item {
        origin: (*origin).to_owned(),
        ..item("seccomp", Verdict::Fail, "x")
    });
    verification.containers[1].items = items.collect();
    let document = document(&View::of(&verification).expect("a view"));
    let results = document["runs"][0]["results"].as_array().expect("results");
    for (result, (_, uri, line)) in results.iter().zip(origins) {
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], uri);
        assert_eq!(place["region"]["startLine"], line);
    }
    assert_eq!(
        results[1]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"],
        "linux.seccomp"
    );
    assert_eq!(
        results[2]["relatedLocations"][0]["logicalLocations"][0]["name"],
        "--memory"
    );
}

#[test]
fn a_fingerprint_outlives_what_the_kernel_showed_and_the_line_that_asked() {
    let print = |seen: &str, asked: &str, origin: &str| {
        let mut verification = hostile();
        verification.containers[1].items = vec![Item {
            seen: seen.to_owned(),
            origin: origin.to_owned(),
            ..item("seccomp", Verdict::Fail, asked)
        }];
        let document = document(&View::of(&verification).expect("a view"));
        document["runs"][0]["results"][0]["partialFingerprints"].clone()
    };
    assert!(print("a", "x", "a:1").is_object());
    assert_eq!(print("a", "x", "a:1"), print("b", "x", "a:2"));
    assert_ne!(print("a", "x", "a:1"), print("a", "y", "a:1"));
}

#[test]
fn every_family_of_the_catalogue_has_a_rule_with_help() {
    let mut verification = hostile();
    let ids = CATALOG.iter().map(|family| {
        let id = family.id.split_once(" (").map_or(family.id, |(id, _)| id);
        let id = id.split(", ").next().unwrap_or(id);
        id.split('.')
            .map(|part| {
                if part.chars().all(|c| c.is_ascii_uppercase()) {
                    "x.y"
                } else {
                    part
                }
            })
            .collect::<Vec<_>>()
            .join(".")
    });
    verification.containers[1].items = ids.map(|id| item(&id, Verdict::Fail, "x")).collect();
    let document = document(&View::of(&verification).expect("a view"));
    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    for result in run["results"].as_array().expect("results") {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("a rule")).expect("small");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let help = rules[index]["help"]["text"].as_str().unwrap_or_default();
        assert!(help.contains("observes"), "{result}");
    }
}
