use std::process::ExitCode;

fn main() -> ExitCode {
    readership::cli::main()
}
