//! CloudWatch Logs inside the test process: the calls that the sink makes, over HTTP on loopback.
//!
//! It enforces what the API's model says (`logs/2014-03-28`) and what no installable emulator does:
//! sizes, counts, spans, names, retention, the exclusive end of what is too old. Faults come from a
//! script.

mod http;
mod state;

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use serde_json::Value as Json;

pub(super) use self::state::{Answer, State, now};

/// What goes wrong with one call.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// Answers this instead of doing anything.
    Answer(Answer),
    /// Answers these bytes instead of doing anything, and closes the connection.
    Raw(String),
    /// Closes the connection instead of doing anything.
    Reset,
    /// Does what was asked, but cuts the answer in half and closes the connection.
    CutAnswer,
    /// Does what was asked and answers: a later call is meant.
    Nothing,
    /// Does what was asked, answers, and closes the connection when the test says so.
    CloseLate,
    /// Answers nothing until the double is dropped.
    Silence,
}

impl Fault {
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Answer(Answer::error(status, code, message))
    }
}

/// A call as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Received {
    /// `PutLogEvents` and so on.
    pub(super) call: String,
    pub(super) body: Json,
    pub(super) authorization: String,
    /// The number of the connection, from 0.
    pub(super) connection: usize,
}

pub(super) struct CloudWatch {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    script: Mutex<VecDeque<(String, Fault)>>,
    received: Mutex<Vec<Received>>,
    closing: AtomicBool,
    closed: Mutex<bool>,
    close: Condvar,
    /// How many of those that close late may do so.
    late: Mutex<usize>,
    /// How many connections were closed from this side.
    ended: Mutex<usize>,
    end: Condvar,
}

impl CloudWatch {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            script: Mutex::default(),
            received: Mutex::default(),
            closing: AtomicBool::new(false),
            closed: Mutex::new(false),
            close: Condvar::new(),
            late: Mutex::new(0),
            ended: Mutex::new(0),
            end: Condvar::new(),
        });
        let for_acceptor = Arc::clone(&shared);
        let acceptor = Some(thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                if for_acceptor.closing.load(Ordering::Acquire) {
                    return;
                }
                let shared = Arc::clone(&for_acceptor);
                // Ends with its connection; a client closes them all when it is dropped.
                thread::spawn(move || {
                    shared.serve(connection, stream.unwrap());
                    *shared.ended.lock() += 1;
                    shared.end.notify_all();
                });
            }
        }));
        Self { address, shared, acceptor }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it holds and how it behaves; it answers nobody while the guard lives.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock()
    }

    /// The next call of this name meets the fault, behind those that were planned before.
    pub(super) fn plan(&self, call: &str, fault: Fault) {
        self.shared.script.lock().push_back((call.to_owned(), fault));
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().clone()
    }

    /// The names of the calls, in order.
    pub(super) fn calls(&self) -> Vec<String> {
        self.received().into_iter().map(|received| received.call).collect()
    }

    /// How many events each `PutLogEvents` brought.
    pub(super) fn puts(&self) -> Vec<usize> {
        let puts = self.received().into_iter().filter(|received| received.call == "PutLogEvents");
        puts.map(|put| put.body["logEvents"].as_array().map_or(0, Vec::len)).collect()
    }

    /// Closes a connection that is to be closed late, and waits until this many were closed at all.
    pub(super) fn close_late(&self, connections: usize) {
        *self.shared.late.lock() += 1;
        self.shared.close.notify_all();
        let mut ended = self.shared.ended.lock();
        let late = self.shared.end.wait_while_for(&mut ended, |ended| *ended < connections, Duration::from_secs(60));
        assert!(!late.timed_out(), "{ended} of {connections} connections are closed");
    }

    /// Every message that is stored, in the order in which it came.
    pub(super) fn stored(&self) -> Vec<String> {
        self.state().streams().flat_map(|events| events.iter().map(|(_, message)| message.clone())).collect()
    }
}

impl Drop for CloudWatch {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        *self.shared.closed.lock() = true;
        self.shared.close.notify_all();
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}
