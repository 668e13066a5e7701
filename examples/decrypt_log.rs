//! Writes a log file that only the holder of a key can read, and reads it:
//! `cargo run --example decrypt_log --features encrypt`.
//!
//! With a path, it decrypts that file to standard output; the key comes from `LOGWHEEL_ENCRYPT_KEY` (64 hexadecimal
//! digits or base64), its name from `LOGWHEEL_ENCRYPT_KID`.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use logwheel::{DecryptError, Decryptor, Encrypt, EncryptKey, Engine, FileSink, SizeGuard, info, warn};

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(path) = env::args_os().nth(1) {
        let kid = env::var("LOGWHEEL_ENCRYPT_KID")?;
        let key = EncryptKey::parse(kid, &env::var("LOGWHEEL_ENCRYPT_KEY")?)?;
        return decrypt(Path::new(&path), &Decryptor::new([key]));
    }
    // A service gets its key from a secret store; `openssl rand -hex 32` makes one.
    let key = EncryptKey::parse("demo-2026-01", "8f1d0c3e5b7a99e2446688aaccee00112233445566778899aabbccddeeff0011")?;
    let path = env::temp_dir().join(format!("logwheel-encrypted-{}.log", std::process::id()));
    write(&path, key.clone())?;
    println!("{} holds lines such as", path.display());
    let first = BufReader::new(File::open(&path)?).lines().next().ok_or("the file is empty")??;
    println!("{first}\nand with the key they are");
    decrypt(&path, &Decryptor::new([key]))?;
    std::fs::remove_file(path)?;
    Ok(())
}

/// Logs a few events into an encrypted file.
fn write(path: &Path, key: EncryptKey) -> Result<(), Box<dyn Error>> {
    let engine = Engine::builder()
        // What reads JSON goes first.
        .processor(SizeGuard::builder().max_bytes(64_000).build()?)
        .processor(Encrypt::new(key))
        // Against lines that are left out or moved, which encryption alone does not show.
        .sink(FileSink::new(path).hash_chain(true))
        .build()?;
    let logger = engine.logger("accounts");
    info!(logger, "account opened", account = 42u64, owner = "ada");
    warn!(logger, "limit reached", account = 42u64, limit = 1_000);
    let report = engine.shutdown(Duration::from_secs(5));
    if report.complete { Ok(()) } else { Err(report.ledger.to_string().into()) }
}

/// Prints the lines of a file. One that was not encrypted is printed as it is; one that cannot be decrypted is an
/// error.
fn decrypt(path: &Path, decryptor: &Decryptor) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for (number, line) in (1..).zip(BufReader::new(File::open(path)?).lines()) {
        let line = line?;
        match decryptor.decrypt(line.as_bytes()) {
            Ok(clear) => out.write_all(&clear)?,
            Err(DecryptError::NotEncrypted) => out.write_all(line.as_bytes())?,
            Err(error) => return Err(format!("{}:{number}: {error}", path.display()).into()),
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}
