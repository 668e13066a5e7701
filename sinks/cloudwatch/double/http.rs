//! The double's side of HTTP.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::Value as Json;

use super::{Answer, Fault, Received, Shared};

impl Shared {
    pub(super) fn serve(&self, connection: usize, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(received) = read(&mut reader, connection) {
            self.received.lock().push(received.clone());
            let fault = self.fault_for(&received.call);
            let answer = match &fault {
                Some(Fault::Answer(answer)) => answer.clone(),
                Some(Fault::Raw(_) | Fault::Reset | Fault::Silence) => Answer::default(),
                Some(Fault::CutAnswer | Fault::Nothing | Fault::CloseLate) | None => {
                    self.state.lock().answer(&received)
                }
            };
            let bytes = write(&answer);
            let sent = match &fault {
                Some(Fault::Raw(bytes)) => stream.write_all(bytes.as_bytes()),
                Some(Fault::CutAnswer) => stream.write_all(&bytes[..bytes.len() - answer.body.len() / 2 - 1]),
                Some(Fault::Reset) => Ok(()),
                Some(Fault::Silence) => {
                    let mut closed = self.closed.lock();
                    self.close.wait_while(&mut closed, |closed| !*closed);
                    Ok(())
                }
                Some(Fault::Answer(_) | Fault::Nothing) | None => stream.write_all(&bytes),
                Some(Fault::CloseLate) => {
                    let sent = stream.write_all(&bytes);
                    let mut late = self.late.lock();
                    self.close.wait_while(&mut late, |late| *late == 0);
                    *late -= 1;
                    sent
                }
            };
            if sent.is_err() || !matches!(fault, None | Some(Fault::Answer(_) | Fault::Nothing)) {
                return;
            }
        }
    }

    fn fault_for(&self, call: &str) -> Option<Fault> {
        let mut script = self.script.lock();
        let at = script.iter().position(|(planned, _)| planned == call)?;
        script.remove(at).map(|(_, fault)| fault)
    }
}

/// `None` when the client closed the connection.
fn read(reader: &mut impl BufRead, connection: usize) -> Option<Received> {
    let mut received = Received { call: String::new(), body: Json::Null, authorization: String::new(), connection };
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => received.authorization = value.to_owned(),
            "x-amz-target" => received.call = value.strip_prefix("Logs_20140328.").unwrap_or(value).to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    received.body = serde_json::from_slice(&body).unwrap_or(Json::Null);
    Some(received)
}

fn write(answer: &Answer) -> Vec<u8> {
    let Answer { status, headers, body } = answer;
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Any\r\nContent-Type: application/x-amz-json-1.1\r\n{headers}");
    format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}
