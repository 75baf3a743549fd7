//! `voc-train`: makes `smartmodule/model/sentiment.bin` from labelled rows. `cargo xtask train` builds and runs
//! it; `smartmodule/ANNOTATION.md` has the command with which the committed table was made.

mod calibrate;
mod examples;
mod fit;
mod report;
mod rows;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use voc_smartmodule::sentiment::model::BUILT_IN;

use examples::Example;
use rows::Set;

/// Trains the sentiment model, and reports how good it is on rows that it has not seen
#[derive(Parser)]
struct Cli {
    /// Files of rows to train on, or folders of such: label (-1, 0 or 1), a tab, text; `FILE=0.5` lets each row count
    /// half
    #[arg(long, num_args = 1.., required = true)]
    data: Vec<String>,
    /// Rows that are only reported on
    #[arg(long, num_args = 1..)]
    test: Vec<String>,
    /// Where the table goes; without it nothing is written
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let read = |arguments: &[String]| -> Result<Vec<(String, Vec<Example>)>> {
        let sets = arguments.iter().map(|argument| rows::read(argument)).collect::<Result<Vec<_>>>()?;
        let named =
            |set: &Set| (format!("{} ({})", set.name, set.language.as_str()), examples::of(set, &BUILT_IN));
        Ok(sets.iter().flatten().map(named).collect())
    };
    let (data, test) = (read(&cli.data)?, read(&cli.test)?);
    let all: Vec<&Example> =
        data.iter().flat_map(|(_, examples)| examples).filter(|example| example.weight > 0.0).collect();
    let seen: Vec<&Example> = all.iter().copied().filter(|example| !example.is_held_out).collect();
    let held_out: Vec<&Example> = all.iter().copied().filter(|example| example.is_held_out).collect();

    let weights = fit::fit(&seen);
    let calibrated = calibrate::calibrate(&weights, &held_out);
    println!("rows held out of the training, then rows of other sets");
    println!("{}", report::HEAD);
    for (name, examples) in &data {
        let examples: Vec<&Example> = examples.iter().filter(|example| example.is_held_out).collect();
        println!("{}", calibrated.report(&examples).line(name));
    }
    for (name, examples) in &test {
        println!("{}", calibrated.report(&examples.iter().collect::<Vec<_>>()).line(name));
    }
    if let Some(out) = &cli.out {
        // What is written has seen all rows; its calibration is that of rows not seen.
        let model = calibrate::Calibrated { weights: fit::fit(&all), ..calibrated };
        std::fs::write(out, model.to_bytes())?;
        println!("{:?}", model.numbers());
        println!("written to {}", out.display());
    }
    Ok(())
}
