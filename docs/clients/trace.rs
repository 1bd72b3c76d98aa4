// A span from Rust: rustc trace.rs. Rust ignores SIGPIPE: a write to a daemon that has gone is an Err.
use std::{env, fs, io::{self, Read, Write}, os::unix::{fs::MetadataExt, net::UnixStream}, process};

// std::time::Instant hides its number.
extern "C" { fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32; fn geteuid() -> u32; }
fn now() -> i64 {
    let mut t = [0; 2];
    unsafe { clock_gettime(1, &mut t) };
    t[0] * 1_000_000 + t[1] / 1000
}

fn main() {
    let (pid, uid, set) = (process::id(), unsafe { geteuid() }, |name| env::var(name).ok().filter(|value| !value.is_empty()));
    let ours = |dir: &String| fs::metadata(dir).map_or(false, |status| status.uid() == uid);
    let dir = set("XDG_RUNTIME_DIR").or(vec![format!("/run/user/{uid}"), format!("/tmp/tracerd-{uid}")].into_iter().find(ours));
    let path = set("TRACERD_SOCKET").unwrap_or(dir.unwrap_or_default() + "/tracerd.socket");
    let mut daemon = UnixStream::connect(path).ok();
    let mut send = |line: String| daemon.as_mut().map(|daemon| daemon.write_all((line + "\n").as_bytes()));
    send(format!("OPEN {}", env::var("TRACERD_TRACE_ID").unwrap()));
    send(format!(r#"{{"ph":"M","name":"process_name","pid":{pid},"args":{{"name":"Rust"}}}}"#));
    let start = now();
    io::stdin().read_to_end(&mut Vec::new()).unwrap(); // the work
    send(format!(r#"{{"ph":"X","name":"work","pid":{pid},"tid":{pid},"ts":{start},"dur":{}}}"#, now() - start));
    send(format!("EMIT_TEF {}/trace.json", env::current_dir().unwrap().display()));
}
