//! The package files of Fluvio's own tools say what Cargo says.

use toml::Table;

use super::read;

fn table(path: &str) -> Table {
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn fluvios_package_files_agree_with_cargo() {
    let workspace = &table("Cargo.toml")["workspace"]["package"];
    for (path, manifest) in
        [("SmartModule.toml", "smartmodule/Cargo.toml"), ("connector/Connector.toml", "connector/Cargo.toml")]
    {
        let (package, manifest) = (&table(path)["package"], &table(manifest)["package"]);
        assert_eq!(package["name"], manifest["name"], "{path}: name");
        assert_eq!(package["version"], workspace["version"], "{path}: version");
        assert_eq!(package["license"], workspace["license"], "{path}: license");
    }
}

#[test]
fn cdk_finds_the_connector() {
    let (package, manifest) = (table("connector/Connector.toml"), table("connector/Cargo.toml"));
    // From an archive it runs this file, from the package's folder the first target of the package: they
    // are the same as long as the package is one binary of its own name.
    assert_eq!(package["deployment"]["binary"], manifest["package"]["name"]);
    assert!(!manifest.contains_key("lib") && !manifest.contains_key("bin"), "a target of another name");
    // Where a direction is not said, it takes a connector for a source.
    assert_eq!(package["direction"]["dest"].as_bool(), Some(true));
    assert!(!package["direction"].as_table().is_some_and(|table| table.contains_key("source")));
    // All that it requires of a configuration; each of our keys has a default.
    assert!(!package["custom"].as_table().is_some_and(|table| table.contains_key("required")));
}
