//! Why a text is rated as it is: `cargo run --release --example explain -- pt < texts`, a text a line.

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    use voc_smartmodule::sentiment::explain::explain;
    use voc_smartmodule::sentiment::model::Language;

    let language = match std::env::args().nth(1).as_deref() {
        Some("pt") => Language::Portuguese,
        _ => Language::English,
    };
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let explained = explain(&line, language);
        let score = explained.rating.map_or(0.0, |rating| rating.score());
        let shares = explained.contributions.iter().map(|(text, share)| format!("{text} {share:+.2}"));
        println!(
            "{}\t{score:+.4}\t{line}\t{}",
            explained.label.as_str(),
            shares.collect::<Vec<_>>().join("  ")
        );
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {}
