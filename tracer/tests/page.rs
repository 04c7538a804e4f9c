//! The HTML report in a browser: what is on the page once its script has run, by mouse and by
//! keyboard, and that hostile names stay text. A browser that is not there is a named skip, and a
//! failure in continuous integration.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tracer::report::{Export, View};

/// The document of the unit tests, whose names are hostile.
const DOCUMENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/report/export/tests/snapshots/tracer__report__export__tests__html__the_document_of_the_page.snap",
);

fn page() -> String {
    let text = fs::read_to_string(DOCUMENT).expect("a document");
    let json = text.splitn(3, "---\n").nth(2).expect("a body");
    let document: Value = serde_json::from_str(json).expect("JSON");
    let view = View::read(document).expect("a view");
    String::from_utf8(Export::Html.bytes(&view).expect("a page")).expect("text")
}

/// The page as a browser has it after scripts have run; `None` where there is no browser.
fn browsed(page: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    fs::write(&file, page).expect("a file");
    let browser = ["chromium", "chromium-browser", "google-chrome"];
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&paths)
        .flat_map(|folder| browser.map(|name| folder.join(name)))
        .find(|path| path.is_file());
    let Some(browser) = found else {
        assert!(env::var_os("CI").is_none(), "chromium is not installed");
        println!("skipped: chromium is not installed");
        return None;
    };
    Some(dom(&browser, &file, &folder.path().join("profile")))
}

fn dom(browser: &Path, file: &Path, profile: &Path) -> String {
    let mut profile_flag = std::ffi::OsString::from("--user-data-dir=");
    profile_flag.push(profile);
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--dump-dom",
        ])
        .arg(profile_flag)
        .arg(format!("file://{}", file.display()))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .expect("a browser");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// The page with a script of the test's own after its own, which the page's policy would not run.
fn with(script: &str) -> String {
    let page = page();
    let (head, rest) = page.split_once("<meta http-equiv").expect("a policy");
    let (_, rest) = rest.split_once('>').expect("its end");
    format!("{head}{rest}").replace("</body>", &format!("<script>{script}</script></body>"))
}

#[test]
fn its_own_script_runs_under_its_own_policy_and_no_other_does() {
    let Some(dom) = browsed(&page()) else { return };
    assert!(
        dom.contains("<html lang=\"en\" class=\"js\">"),
        "its script ran"
    );
    assert!(dom.contains("FAIL: 4 expectations, 1 fail, 1 inconclusive"));
    let foreign = page().replace("</body>", "<script>document.title = 'ran'</script></body>");
    let dom = browsed(&foreign).expect("a browser, as before");
    assert!(!dom.contains("<title>ran"), "a foreign script ran");
}

#[test]
fn hostile_names_are_text_in_a_browser() {
    let script = "document.title = JSON.stringify({
        scripts: document.scripts.length,
        bold: document.querySelectorAll('main b').length,
        shown: document.querySelector('tr.fail code').textContent,
    })";
    let Some(dom) = browsed(&with(script)) else {
        return;
    };
    let title = title(&dom);
    let seen: Value = serde_json::from_str(&title).expect("JSON");
    assert_eq!(seen["scripts"], 2, "the page's and the test's");
    assert_eq!(seen["bold"], 0);
    let shown = seen["shown"].as_str().expect("text");
    assert!(
        shown.starts_with("mount./<script>alert('x')</script>&amp;\"`|"),
        "{shown}"
    );
}

#[test]
fn the_picture_zooms_by_click_and_is_walked_by_keys() {
    let script = "
        const key = (name) => document.querySelector('.view')
            .dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }));
        document.querySelector('[data-zoom=in]').click();
        key('+');
        const zoomed = document.querySelector('[data-timeline]').dataset.scale;
        const width = document.querySelector('.picture').style.width;
        key('0');
        const whole = document.querySelector('[data-timeline]').dataset.scale;
        key('ArrowRight');
        const first = document.querySelector('[data-detail]').textContent;
        key('ArrowRight');
        const second = document.querySelector('[data-detail]').textContent;
        document.querySelectorAll('.lane')[1].querySelector('.bar')
            .dispatchEvent(new PointerEvent('pointerenter'));
        const pointed = document.querySelector('[data-detail]').textContent;
        document.title = JSON.stringify({ zoomed, width, whole, first, second, pointed });";
    let Some(dom) = browsed(&with(script)) else {
        return;
    };
    let seen: Value = serde_json::from_str(&title(&dom)).expect("JSON");
    assert_eq!(seen["zoomed"], "4");
    assert_eq!(seen["width"], "400%");
    assert_eq!(seen["whole"], "1");
    for name in ["first", "second", "pointed"] {
        let text = seen[name].as_str().expect("text");
        assert!(text.contains("record #"), "{name}: {text}");
    }
    assert_ne!(seen["first"], seen["second"]);
    assert_ne!(seen["second"], seen["pointed"]);
}

/// The title, as text.
fn title(dom: &str) -> String {
    let title = dom
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"));
    let (title, _) = title.expect("a title");
    title
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
