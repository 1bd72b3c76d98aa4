// A span from Go: go run trace.go. Go turns SIGPIPE on a socket into an error.
package main

import ("fmt"; "io"; "net"; "os"; "syscall"; "unsafe")

func now() int64 { // microseconds; the package time hides the number of its monotonic clock
	var t syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano() / 1000
}

func ours(dir string) bool {
	status, err := os.Stat(dir)
	return err == nil && int(status.Sys().(*syscall.Stat_t).Uid) == os.Geteuid()
}

func main() {
	pid, uid, dir, path := os.Getpid(), os.Geteuid(), os.Getenv("XDG_RUNTIME_DIR"), os.Getenv("TRACERD_SOCKET")
	for _, own := range []string{fmt.Sprint("/run/user/", uid), fmt.Sprint("/tmp/tracerd-", uid)} { if dir == "" && ours(own) { dir = own } }
	if path == "" { path = dir + "/tracerd.socket" }
	daemon := io.Discard
	if connection, err := net.Dial("unix", path); err == nil { daemon = connection }
	fmt.Fprintf(daemon, "OPEN %s\n"+`{"ph":"M","name":"process_name","pid":%d,"args":{"name":"Go"}}`+"\n", os.Getenv("TRACERD_TRACE_ID"), pid)
	start := now()
	io.Copy(io.Discard, os.Stdin) // the work
	fmt.Fprintf(daemon, `{"ph":"X","name":"work","pid":%d,"tid":%d,"ts":%d,"dur":%d}`+"\n", pid, pid, start, now()-start)
	here, _ := os.Getwd()
	fmt.Fprintf(daemon, "EMIT_TEF %s/trace.json\n", here)
}
