//! Tests against servers that are not ours, for which nothing but Python is needed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::step::{self, Failure, Step};

/// moto's CloudWatch Logs needs no more than these.
const PACKAGES: [&str; 3] = ["moto==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];

/// Installs moto under `target/`, starts it on a free port of this machine, runs the tests that
/// need it, and ends it.
pub fn run() -> Result<(), Failure> {
    let moto = Moto::start(&install()?)?;
    // The features of `cargo xtask test`, or all dependencies would be built once more.
    Step::cargo("test --workspace --all-features --lib cloudwatch::tests::servers")
        .env("LOGWHEEL_AWS_ENDPOINT", &format!("http://{}", moto.address))
        .env("AWS_REGION", "eu-central-1")
        // LocalStack reads account numbers in them; moto takes anything.
        .env("AWS_ACCESS_KEY_ID", "000000000000")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .run()
}

/// The program, in a virtual environment that is kept until the versions change.
fn install() -> Result<PathBuf, Failure> {
    let home = step::root().join(step::target_dir()).join("servers").join(PACKAGES[0]);
    let (program, done) = (home.join("bin/moto_server"), home.join("installed"));
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == PACKAGES.join(" ")) {
        return Ok(program);
    }
    Step::command("python3").arg("-m").arg("venv").arg("--clear").arg(&home.display().to_string()).run()?;
    let pip = Step::command(&home.join("bin/python").display().to_string());
    let pip = pip.arg("-m").arg("pip").arg("install").arg("--quiet").arg("--disable-pip-version-check");
    PACKAGES.iter().fold(pip, |pip, package| pip.arg(package)).run()?;
    let marked = std::fs::write(&done, PACKAGES.join(" "));
    marked.map_err(|error| Failure::new(format!("{} cannot be written: {error}", done.display())))?;
    Ok(program)
}

struct Moto {
    process: Child,
    address: SocketAddr,
}

impl Moto {
    fn start(program: &PathBuf) -> Result<Self, Failure> {
        let failure = |problem: String| Failure::new(format!("moto_server {problem}"));
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| failure(format!("found no free port: {error}")))?;
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        println!("$ moto_server -H {host} -p {port}");
        let mut command = Command::new(program);
        command.args(["-H", &host, "-p", &port]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().map_err(|error| failure(format!("did not start: {error}")))?;
        let mut moto = Self { process, address };
        let deadline = Instant::now() + Duration::from_secs(120);
        while !moto.is_ready() {
            if let Ok(Some(status)) = moto.process.try_wait() {
                return Err(failure(format!("ended: {status}")));
            }
            if Instant::now() > deadline {
                return Err(failure("was not ready within 120 s".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(moto)
    }

    fn is_ready(&self) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(1))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /moto-api/ HTTP/1.0\r\n\r\n")?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok::<_, std::io::Error>(answer)
        };
        // "HTTP/1.1 200 OK"
        ask().is_ok_and(|answer| answer.get(8..13) == Some(b" 200 "))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It keeps nothing that could be lost.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
