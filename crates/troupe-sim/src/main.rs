//! `npm run simulate`: many seeds, or one, or the planted bugs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::process::ExitCode;
use std::time::Duration;

use troupe_sim::planted;
use troupe_sim::run::{self, Failure, Plan};

const USAGE: &str = "Usage: npm run simulate -- [options]

  --seeds N     run N seeds (default 1000; 5000 to find a planted bug)
  --from S      begin with seed S (default 0)
  --minutes M   run seeds until M minutes are over
  --seed S      run one seed and say what happened before it failed
  --trace       with --seed: say everything that happened
  --planted     find the bugs that are planted in a kernel built for that
  --bug NAME    with --planted: find this one alone
  --threads N   run on N threads (default: one per processor)
";

/// Lines of a failed seed's trace that are shown.
const SHOWN_LINES: usize = 60;

#[derive(Default)]
struct Arguments {
    seeds: Option<u64>,
    from: u64,
    minutes: Option<u64>,
    seed: Option<u64>,
    threads: Option<usize>,
    trace: bool,
    planted: bool,
    bug: Option<String>,
    help: bool,
}

fn parse(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    while let Some(name) = given.next() {
        let mut number = || {
            let value = given.next().unwrap_or_default();
            value.replace('_', "").parse::<u64>().map_err(|_| format!("{name}: expected a number, received '{value}'"))
        };
        match name.as_str() {
            "--seeds" => arguments.seeds = Some(number()?),
            "--from" => arguments.from = number()?,
            "--minutes" => arguments.minutes = Some(number()?),
            "--seed" => arguments.seed = Some(number()?),
            "--threads" => arguments.threads = Some(number()?.max(1) as usize),
            "--trace" => arguments.trace = true,
            "--planted" => arguments.planted = true,
            "--bug" => arguments.bug = Some(given.next().unwrap_or_default()),
            "--help" | "-h" => arguments.help = true,
            other => return Err(format!("unknown option '{other}'")),
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) if arguments.help => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(arguments) => arguments,
        Err(mistake) => {
            eprintln!("{mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    let plan = Plan {
        from: arguments.from,
        seeds: arguments.seeds.unwrap_or(match (arguments.minutes, arguments.planted) {
            (Some(_), _) => u64::MAX,
            // The search for a planted bug ends with the first seed that shows it.
            (None, true) => 5_000,
            (None, false) => 1_000,
        }),
        limit: arguments.minutes.map(|minutes| Duration::from_secs(60 * minutes)),
        threads: threads.unwrap_or(1),
    };
    let succeeded = match (arguments.seed, arguments.planted) {
        (Some(seed), _) => one(seed, arguments.trace),
        (None, true) => find_planted(&plan, arguments.bug.as_deref()),
        (None, false) => many(&plan),
    };
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64, all: bool) -> bool {
    let (result, trace) = run::run_traced(seed);
    let shown = if all { 0 } else { trace.len().saturating_sub(SHOWN_LINES) };
    if result.is_err() || all {
        trace.iter().skip(shown).for_each(|line| println!("{line}"));
    }
    match result {
        Ok(totals) => println!("seed {seed} passes: {totals}"),
        Err(failure) => {
            println!("{failure}");
            return false;
        }
    }
    true
}

fn many(plan: &Plan) -> bool {
    let report = run::run_many(plan);
    report.failures.iter().for_each(|failure: &Failure| println!("{failure}"));
    println!("{} seeds in {:.1} s: {}", report.seeds, report.elapsed.as_secs_f64(), report.totals);
    println!("{} passed, {} failed", report.seeds - report.failures.len() as u64, report.failures.len());
    report.failures.is_empty()
}

fn find_planted(plan: &Plan, only: Option<&str>) -> bool {
    let Some(mut bugs) = planted::bugs() else {
        eprintln!("this build has no planted bugs: npm run simulate -- --planted makes one that has");
        return false;
    };
    bugs.retain(|bug| only.is_none_or(|name| name == bug.name));
    if bugs.is_empty() {
        eprintln!("no bug is named '{}'", only.unwrap_or_default());
        return false;
    }
    let mut missed = 0;
    for bug in &bugs {
        match planted::find(*bug, plan) {
            Some(failure) => {
                let violation = &failure.violation;
                println!("{:<28} {:<7} seed {:<5} {violation}", bug.name, bug.rule, failure.seed);
            }
            None => {
                missed += 1;
                println!("{:<28} {:<7} NOT FOUND in {} seeds", bug.name, bug.rule, plan.seeds);
            }
        }
    }
    println!("{} found, {missed} missed", bugs.len() - missed);
    missed == 0
}
