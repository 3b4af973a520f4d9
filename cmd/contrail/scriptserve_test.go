package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// served is a contrail serve that runs.
type served struct {
	process *exec.Cmd
	log     *bytes.Buffer // to be read when it has ended
	ended   chan struct{}
}

type servedKey struct{}

// useService runs contrail serve and sends it requests: service start [FLAG…] sets SERVICE to its URL, service METHOD PATH STATUS [BODY] wants a status and
// has the header and the body of the answer on stdout, service stop CODE sends SIGTERM, wants this code and has the log on stderr.
func useService(ts *testscript.TestScript, _ bool, args []string) {
	switch args[0] {
	case "start":
		startService(ts, args[1:])
	case "stop":
		stopService(ts, args[1])
	default:
		body := ""
		if len(args) > 3 {
			body = args[3]
		}
		requestService(ts, args[0], args[1], args[2], body)
	}
}

// startService returns when the service says where it listens. It is on the very port that it says there.
func startService(ts *testscript.TestScript, flags []string) {
	tb := tbOf(ts)
	arguments := append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)
	s := &served{exec.CommandContext(context.WithoutCancel(tb.Context()), "contrail", arguments...), &bytes.Buffer{}, make(chan struct{})}
	s.process.Env = append(os.Environ(), "DATABASE_URL="+ts.Getenv("DATABASE_URL"), "NATS_URL=")
	s.process.Stderr = s.log
	stdout, err := s.process.StdoutPipe()
	ts.Check(err)
	ts.Check(s.process.Start())
	line, _ := bufio.NewReader(stdout).ReadString('\n') // ends when the process does
	go func() {
		_, _ = io.Copy(io.Discard, stdout)
		_ = s.process.Wait() // its state tells
		close(s.ended)
	}()
	tb.Cleanup(func() { _ = s.process.Process.Kill(); <-s.ended })
	address, found := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !found {
		_ = s.process.Process.Kill()
		<-s.ended
		ts.Fatalf("it does not listen: %q %s", line, s.log)
	}
	ts.Setenv("SERVICE", address)
	services(ts)[ts.Getenv("SERVICE")] = s
}

func stopService(ts *testscript.TestScript, code string) {
	s := services(ts)[ts.Getenv("SERVICE")]
	ts.Check(s.process.Process.Signal(syscall.SIGTERM))
	overdue := time.AfterFunc(time.Minute, func() { _ = s.process.Process.Signal(syscall.SIGQUIT) }) // and its log tells where it hung
	defer overdue.Stop()
	<-s.ended
	_, _ = io.WriteString(ts.Stderr(), s.log.String())
	if got := strconv.Itoa(s.process.ProcessState.ExitCode()); got != code {
		ts.Fatalf("exited with %s, want %s", got, code)
	}
}

func requestService(ts *testscript.TestScript, method, path, status, body string) {
	tb := tbOf(ts)
	request, err := http.NewRequestWithContext(tb.Context(), method, ts.Getenv("SERVICE")+path, strings.NewReader(body))
	ts.Check(err)
	request.Header.Set("X-Tenant-Id", "t1")
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	response, err := client.Do(request)
	ts.Check(err)
	defer func() { require.NoError(tb, response.Body.Close()) }()
	ts.Check(response.Header.Write(ts.Stdout()))
	_, err = io.Copy(ts.Stdout(), response.Body)
	ts.Check(err)
	if got := strconv.Itoa(response.StatusCode); got != status {
		ts.Fatalf("%s %s is answered with status %s, want %s", method, path, got, status)
	}
}

// services are those of the script, by their URLs.
func services(ts *testscript.TestScript) map[string]*served {
	all, is := ts.Value(servedKey{}).(map[string]*served)
	if !is {
		ts.Fatalf("the setup has made no place for services")
	}
	return all
}
