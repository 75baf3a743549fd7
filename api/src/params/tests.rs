use super::{Days, Params, TenantId};
use crate::error::Error;

fn read(query: &str) -> Result<(String, u32), Error> {
    let params = Params::parse(Some(query), &[TenantId::PARAMETER, Days::PARAMETER])?;
    Ok((TenantId::required(&params)?.as_str().to_owned(), Days::optional(&params)?.get()))
}

#[track_caller]
fn accepted(query: &str, tenant_id: &str, days: u32) {
    assert_eq!(read(query).unwrap(), (tenant_id.to_owned(), days));
}

#[track_caller]
fn refused(query: &str, at_fault: Option<&str>) {
    match read(query) {
        Err(Error::BadParameter { parameter, .. }) => assert_eq!(parameter.as_deref(), at_fault),
        other => panic!("{query:?} gave {other:?}"),
    }
}

#[test]
fn values_are_decoded() {
    accepted("tenant_id=acme", "acme", 30);
    accepted("days=7&tenant_id=acme", "acme", 7);
    accepted("&tenant_id=a%20b+c%2B&", "a b c+", 30);
    accepted("tenant_id=caf%C3%A9%27%22%5C%3B--", "café'\"\\;--", 30);
    accepted("tenant%5Fid=%E2%98%83&d%61ys=0042", "☃", 42);
    accepted("tenant_id=a=b", "a=b", 30);
}

#[test]
fn bounds_are_inclusive() {
    accepted("tenant_id=t&days=1", "t", 1);
    accepted("tenant_id=t&days=3650", "t", 3650);
    let longest = "é".repeat(128);
    accepted(&format!("tenant_id={}", "%C3%A9".repeat(128)), &longest, 30);
    refused(&format!("tenant_id={}", "%C3%A9".repeat(129)), Some("tenant_id"));
}

#[test]
fn a_bad_tenant_id_is_named() {
    for value in
        ["", "%00", "a%00b", "a%0Ab", "%7F", "%C2%85", "%FF", "%C3", "%ED%A0%80", "%", "%2", "%zz", "%+1"]
    {
        refused(&format!("tenant_id={value}"), Some("tenant_id"));
    }
    refused("", Some("tenant_id"));
    refused("tenant_id", Some("tenant_id"));
    refused("days=7", Some("tenant_id"));
}

#[test]
fn bad_days_are_named() {
    for value in [
        "",
        "0",
        "3651",
        "-1",
        "%2B7",
        "+7",
        "7.0",
        "1e3",
        "7%20",
        "seven",
        "0x7",
        "99999999999999999999",
        "%D9%A3",
    ] {
        refused(&format!("tenant_id=t&days={value}"), Some("days"));
    }
}

#[test]
fn unknown_and_repeated_names_are_named() {
    refused("tenant_id=t&day=7", Some("day"));
    refused("tenant_id=t&tenant_id=t", Some("tenant_id"));
    refused("tenant_id=t&days=1&d%61ys=2", Some("days"));
    refused("tenant_id=t&TENANT_ID=t", Some("TENANT_ID"));
    refused("tenant_id=t&=1", Some(""));
    refused("tenant_id=t&%FF=1", None);
    refused(&format!("tenant_id=t&{}=1", "x".repeat(9000)), Some(&"x".repeat(64)));
}
