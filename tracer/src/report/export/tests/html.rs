//! The page as text; what a browser makes of it is tested in `tracer/tests/page.rs`.

use super::*;

#[test]
fn a_hostile_run_as_a_page_has_one_script_and_it_is_ours() {
    let page = of(Export::Html, &hostile_view());
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains("&#60;script&#62;"), "it is there, as text");
    for name in ["src=", "href=\"http", "@import", "url("] {
        assert!(!page.contains(name), "nothing is loaded: {name}");
    }
}

#[test]
fn the_policy_names_the_very_script() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let page = of(Export::Html, &passing_run());
    let script = page
        .split_once("<script>")
        .and_then(|(_, rest)| rest.split_once("</script>"))
        .map(|(script, _)| script)
        .expect("a script");
    let digest = base64::prelude::BASE64_STANDARD.encode(sha2::Sha256::digest(script));
    // The attribute is escaped as any other.
    let plain = page.replace("&#39;", "'");
    assert!(plain.contains(&format!("script-src 'sha256-{digest}'")));
    assert!(plain.contains("default-src 'none'"));
}

#[test]
fn every_case_and_every_record_of_the_run_stands_on_the_page() {
    let view = spoilt_run();
    let page = of(Export::Html, &view);
    let rows = page.matches("<tr class=\"").count();
    assert_eq!(rows, view.cases().count());
    let bars = page.matches("<g class=\"bar\"").count();
    let records = view.timeline.iter().filter(|step| step.in_run).count();
    assert_eq!(bars, records);
}

/// What `tracer/tests/page.rs` shows to a browser.
#[test]
fn the_document_of_the_page() {
    insta::assert_json_snapshot!(hostile());
}
