//! The addresses of a server, kept from request to request.
//!
//! `ureq` has the host's name looked up for every request, also for one that goes over a connection it has kept: a
//! question to the DNS each, and, since there is a timeout, a thread each.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// So long a new connection may go to an address that the DNS names no more. After a failed request it is asked anew
/// at once.
const KEPT: Duration = Duration::from_secs(60);

/// What `R` found, for a while.
pub(super) struct Addresses<R>(Arc<Shared<R>>);

struct Shared<R> {
    resolver: R,
    known: Mutex<Option<Known>>,
}

struct Known {
    of: Uri,
    addresses: ResolvedSocketAddrs,
    since: Instant,
}

impl<R: Resolver> Addresses<R> {
    pub(super) fn new(resolver: R) -> Self {
        Self(Arc::new(Shared { resolver, known: Mutex::new(None) }))
    }

    /// The same addresses, for the agent that asks.
    pub(super) fn shared(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Something went wrong with a request: perhaps the server has moved.
    pub(super) fn forget(&self) {
        *self.0.known.lock() = None;
    }

    #[cfg(test)]
    pub(super) fn are_known(&self) -> bool {
        self.0.known.lock().is_some()
    }
}

impl<R: Resolver> Resolver for Addresses<R> {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        // A proxy's address is asked for beside that of the server, or in its place: of another host nothing is known.
        let is_of = |known: &Known| known.of.scheme() == uri.scheme() && known.of.authority() == uri.authority();
        let fresh = |known: &&Known| is_of(known) && known.since.elapsed() < KEPT;
        if let Some(known) = self.0.known.lock().as_ref().filter(fresh) {
            return Ok(copy(&known.addresses, self.empty()));
        }
        // Not under the lock: this can take as long as the timeout lets it.
        let addresses = self.0.resolver.resolve(uri, config, timeout)?;
        let kept = copy(&addresses, self.empty());
        *self.0.known.lock() = Some(Known { of: uri.clone(), addresses: kept, since: Instant::now() });
        Ok(addresses)
    }
}

fn copy(addresses: &ResolvedSocketAddrs, mut to: ResolvedSocketAddrs) -> ResolvedSocketAddrs {
    addresses.iter().for_each(|address| to.push(*address));
    to
}

impl<R> fmt::Debug for Addresses<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addresses").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicU16, Ordering};

    use super::*;

    /// Finds another port each time, until there are none left.
    #[derive(Debug, Default)]
    struct Counting(AtomicU16);

    impl Resolver for Counting {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
            let port = self.0.fetch_add(1, Ordering::Relaxed);
            let mut found = self.empty();
            (0..2).for_each(|host| found.push(SocketAddr::from(([127, 0, 0, host], port))));
            if port < 4 { Ok(found) } else { Err(Error::HostNotFound) }
        }
    }

    #[test]
    fn a_host_is_looked_up_once_until_something_goes_wrong() {
        let addresses = Addresses::new(Counting::default());
        let ports = |uri: &'static str| {
            let found = addresses.resolve(&Uri::from_static(uri), &Config::default(), NextTimeout::default());
            found.map(|found| found.iter().map(SocketAddr::port).collect::<Vec<_>>()).ok()
        };
        assert_eq!(ports("http://one.example/push"), Some(vec![0, 0]));
        assert_eq!(ports("http://one.example/ready"), Some(vec![0, 0]), "the same server");
        assert_eq!(ports("http://two.example/push"), Some(vec![1, 1]), "another one");
        assert_eq!(ports("http://two.example:81/push"), Some(vec![2, 2]), "another port");
        addresses.forget();
        assert_eq!(ports("http://two.example:81/push"), Some(vec![3, 3]));
        addresses.forget();
        assert_eq!(ports("http://two.example:81/push"), None, "what failed is not kept");
    }
}
