//! Writes the bill of materials of the binary: every package in it, with version, licence, hash and address.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use crate::licence;
use crate::packages::{DELIVERED, Locked, delivered, field, locked, metadata};

/// The bill as CycloneDX 1.5, the same bytes for the same lock file.
pub(crate) fn write(root: &Path) -> Result<String, String> {
    let lines = delivered(root, "normal,build", "{p}")?;
    let built: BTreeSet<&str> = lines.lines().filter_map(name_of_line).collect();
    let bill = compose(&metadata(root)?, &locked(root)?, &built)?;
    check(&bill)?;
    serde_json::to_string_pretty(&bill).map_err(|e| e.to_string())
}

/// `tokio v1.54.0 (*)` without what follows the version.
fn name_of_line(line: &str) -> Option<&str> {
    let end = line.match_indices(' ').nth(1).map_or(line.len(), |(at, _)| at);
    line.contains(' ').then(|| &line[..end])
}

fn compose(metadata: &Value, locked: &[Locked], built: &BTreeSet<&str>) -> Result<Value, String> {
    let packages: BTreeMap<&str, &Value> =
        list(metadata, "packages").filter_map(|it| Some((field(it, "id")?, it))).collect();
    let nodes: BTreeMap<&str, &Value> = list(&metadata["resolve"], "nodes")
        .filter_map(|node| Some((field(node, "id")?, node)))
        .collect();
    let is_delivered = |package: &Value| field(package, "name") == Some(DELIVERED);
    let root = packages.iter().find(|(_, package)| is_delivered(package)).map(|(id, _)| *id);
    let root = root.ok_or_else(|| format!("no package {DELIVERED}"))?;
    let is_built = |package: &Value| {
        let (name, version) = identity(package);
        built.contains(&*format!("{name} v{version}"))
    };
    let within: BTreeSet<&str> =
        packages.iter().filter(|(_, package)| is_built(package)).map(|(id, _)| *id).collect();
    if within.len() != built.len() {
        return Err("bill: cargo tree and cargo metadata differ on what is built".into());
    }
    let hashes: BTreeMap<(&str, &str), &str> = locked
        .iter()
        .filter_map(|it| Some(((&*it.name, &*it.version), it.checksum.as_deref()?)))
        .collect();
    let others = within.iter().filter(|id| **id != root);
    let components: Vec<Value> = others.map(|id| component(packages[id], &hashes)).collect();
    let edges = |id: &&str| {
        let on: Vec<String> =
            uses(nodes[id]).filter(|on| within.contains(on)).map(|on| purl(packages[on])).collect();
        json!({ "ref": purl(packages[id]), "dependsOn": on })
    };
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": described("application", packages[root]) },
        "components": components,
        "dependencies": within.iter().map(edges).collect::<Vec<Value>>(),
    }))
}

/// What a package is built of: what is linked and what runs while it is built, and nothing that only tests use.
fn uses(node: &Value) -> impl Iterator<Item = &str> {
    let is_built =
        |on: &&Value| list(on, "dep_kinds").any(|kind| field(kind, "kind") != Some("dev"));
    list(node, "deps").filter(is_built).filter_map(|on| field(on, "pkg"))
}

fn component(package: &Value, hashes: &BTreeMap<(&str, &str), &str>) -> Value {
    let mut written = described("library", package);
    if let Some(hash) = hashes.get(&identity(package)) {
        written["hashes"] = json!([{ "alg": "SHA-256", "content": hash }]);
    }
    if let Some(url) = field(package, "repository") {
        written["externalReferences"] = json!([{ "type": "vcs", "url": url }]);
    }
    written
}

fn described(sort: &str, package: &Value) -> Value {
    let (name, version) = identity(package);
    json!({
        "type": sort,
        "bom-ref": purl(package),
        "name": name,
        "version": version,
        "purl": purl(package),
        "licenses": licences(package),
    })
}

fn licences(package: &Value) -> Value {
    json!([{ "expression": licence::normal(field(package, "license").unwrap_or("NOASSERTION")) }])
}

fn identity(package: &Value) -> (&str, &str) {
    (field(package, "name").unwrap_or_default(), field(package, "version").unwrap_or_default())
}

/// Where a package is to be found, as tools that look for advisories write it.
fn purl(package: &Value) -> String {
    let (name, version) = identity(package);
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// What the schema of CycloneDX 1.5 asks of a bill like ours, and that every package from outside has its hash.
fn check(bill: &Value) -> Result<(), String> {
    let fixed =
        [("bomFormat", json!("CycloneDX")), ("specVersion", json!("1.5")), ("version", json!(1))];
    if let Some((key, _)) = fixed.iter().find(|(key, value)| bill.get(key) != Some(value)) {
        return Err(format!("bill: `{key}` is missing or wrong"));
    }
    let components: Vec<&Value> =
        list(bill, "components").chain([&bill["metadata"]["component"]]).collect();
    let mut refs = BTreeSet::new();
    for component in &components {
        check_component(component)?;
        if !refs.insert(field(component, "bom-ref").unwrap_or_default()) {
            return Err(format!("bill: {} stands in it twice", component["bom-ref"]));
        }
    }
    let mut told = BTreeSet::new();
    for edge in list(bill, "dependencies") {
        let from = field(edge, "ref").unwrap_or_default();
        let mut ends = list(edge, "dependsOn").filter_map(Value::as_str).chain([from]);
        if let Some(end) = ends.find(|end| !refs.contains(end)) {
            return Err(format!("bill: {from} depends on {end}, which is not in it"));
        }
        if !told.insert(from) {
            return Err(format!("bill: the dependencies of {from} stand in it twice"));
        }
    }
    Ok(())
}

fn check_component(component: &Value) -> Result<(), String> {
    let name = field(component, "name").unwrap_or("a component");
    for key in ["type", "name", "version", "purl", "bom-ref"] {
        if field(component, key).is_none_or(str::is_empty) {
            return Err(format!("bill: {name} has no `{key}`"));
        }
    }
    if list(component, "licenses").all(|it| field(it, "expression") == Some("NOASSERTION")) {
        return Err(format!("bill: {name} has no licence"));
    }
    let mut hashes = list(component, "hashes").filter_map(|it| field(it, "content"));
    let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|it| it.is_ascii_hexdigit());
    let is_ours = name.starts_with("backstay");
    if !hashes.next().map_or(is_ours, is_hash) {
        return Err(format!("bill: {name} has no SHA-256"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Value {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        serde_json::from_str(&write(root).unwrap()).unwrap()
    }

    #[test]
    fn the_bill_names_what_is_in_the_binary_and_nothing_that_only_tests_use() {
        let bill = ours();
        let names: Vec<&str> =
            list(&bill, "components").filter_map(|it| field(it, "name")).collect();
        for name in ["backstay", "backstay-isolate", "tokio-postgres", "rustls", "ring"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        for name in ["trybuild", "proptest", "sqlx", "windows-sys", "xtask"] {
            assert!(!names.contains(&name), "{name}");
        }
        let root = &bill["metadata"]["component"]["bom-ref"];
        let edge = list(&bill, "dependencies").find(|edge| edge["ref"] == *root).unwrap();
        assert!(list(edge, "dependsOn").count() > 10, "{edge}");
    }

    #[test]
    fn a_bill_that_lacks_what_the_schema_asks_for_is_not_written() {
        let good = ours();
        check(&good).unwrap();
        type Spoil = fn(&mut Value);
        let spoilers: [(&str, Spoil); 7] = [
            ("specVersion", |bill| bill["specVersion"] = json!("1.4")),
            ("no `version`", |bill| bill["components"][0]["version"] = json!("")),
            ("no `purl`", |bill| bill["components"][0]["purl"] = Value::Null),
            ("no licence", |bill| bill["components"][0]["licenses"] = json!([])),
            ("no SHA-256", |bill| {
                let all = bill["components"].as_array_mut().unwrap();
                let foreign = all.iter_mut().find(|it| it.get("hashes").is_some()).unwrap();
                foreign["hashes"][0]["content"] = json!("12");
            }),
            ("twice", |bill| bill["components"][1] = bill["components"][0].clone()),
            ("not in it", |bill| bill["dependencies"][0]["dependsOn"] = json!(["pkg:cargo/x@1"])),
        ];
        for (said, spoil) in spoilers {
            let mut bill = good.clone();
            spoil(&mut bill);
            let refused = check(&bill).unwrap_err();
            assert!(refused.contains(said), "{said}: {refused}");
        }
    }
}
