// Command masterzen runs commands through github.com/masterzen/winrm: one command, with its streams and exit code
// passed on, or (with -bench N) the same command N times, which prints commands per second.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"
)

// Exit code for failures of this program, not of the remote command.
const failure = 125

type options struct {
	endpoint         *winrm.Endpoint
	user, password   string
	auth             string
	operationTimeout string
	stdin            bool
	end              string
}

func main() {
	endpoint := flag.String("endpoint", "", "http://HOST:PORT or https://HOST:PORT; the path is always /wsman")
	https := flag.Bool("https", false, "use HTTPS (also implied by the endpoint)")
	user := flag.String("user", "", "account")
	passwordEnv := flag.String("password-env", "DROVER_PASSWORD", "environment variable that holds the password")
	auth := flag.String("auth", "basic", "basic, ntlm or ntlm-encrypted")
	operationTimeout := flag.String("operation-timeout", "", "OperationTimeout of every request, e.g. PT60S")
	stdin := flag.Bool("stdin", false, "pass standard input on")
	end := flag.String("end", "wait", "wait for the command, or after its first output terminate it or delete its shell")
	repeat := flag.Int("repeat", 1, "run the command this often in one shell")
	bench := flag.Int("bench", 0, "run the command this often and print commands per second")
	concurrency := flag.Int("concurrency", 1, "workers of -bench, each with a client of its own")
	reuse := flag.Bool("reuse", false, "with -bench: one shell per worker instead of one per command")
	flag.Parse()
	if flag.NArg() == 0 {
		fail(fmt.Errorf("usage: masterzen [flags] COMMAND [ARG...]"))
	}
	target, err := url.Parse(*endpoint)
	if err != nil {
		fail(err)
	}
	secure := *https || target.Scheme == "https"
	port, err := strconv.Atoi(target.Port())
	if err != nil {
		fail(fmt.Errorf("endpoint %q has no port", *endpoint))
	}
	o := options{
		endpoint:         winrm.NewEndpoint(target.Hostname(), port, secure, true, nil, nil, nil, 2*time.Minute),
		user:             *user,
		password:         os.Getenv(*passwordEnv),
		auth:             *auth,
		operationTimeout: *operationTimeout,
		stdin:            *stdin,
		end:              *end,
	}
	if *bench > 0 {
		rate, err := measure(o, *bench, *concurrency, *reuse, flag.Arg(0), flag.Args()[1:])
		if err != nil {
			fail(err)
		}
		fmt.Printf("%.1f\n", rate)
		return
	}
	client, err := newClient(o)
	if err != nil {
		fail(err)
	}
	shell, err := client.CreateShell()
	if err != nil {
		fail(err)
	}
	var input io.Reader
	if o.stdin {
		input = os.Stdin
	}
	var code int
	for i := 0; i < *repeat && err == nil; i++ {
		if o.end == "wait" {
			code, err = run(shell, flag.Arg(0), flag.Args()[1:], input, os.Stdout, os.Stderr)
		} else {
			err = breakOff(shell, flag.Arg(0), flag.Args()[1:], o.end == "terminate")
		}
	}
	if closed := shell.Close(); err == nil {
		err = closed
	}
	if err != nil {
		fail(err)
	}
	os.Exit(code)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "masterzen:", err)
	os.Exit(failure)
}

func newClient(o options) (*winrm.Client, error) {
	parameters := winrm.NewParameters("PT60S", "en-US", 153600)
	switch o.auth {
	case "basic":
	case "ntlm":
		parameters.TransportDecorator = func() winrm.Transporter { return &winrm.ClientNTLM{} }
	case "ntlm-encrypted":
		encryption, err := winrm.NewEncryption("ntlm")
		if err != nil {
			return nil, err
		}
		parameters.TransportDecorator = func() winrm.Transporter { return &serial{inner: encryption} }
		if o.stdin || o.end != "wait" {
			// A waiting Receive holds the one connection up; it has to let Send, Signal and Delete through.
			parameters.Timeout = "PT0.5S"
		}
	default:
		return nil, fmt.Errorf("unknown -auth %q", o.auth)
	}
	if o.operationTimeout != "" {
		parameters.Timeout = o.operationTimeout
	}
	return winrm.NewClientWithParameters(o.endpoint, o.user, o.password, parameters)
}

// serial sends one request at a time: winrm.Encryption keeps the session of its last request in itself, so that
// Send beside Receive would mix two sessions up.
type serial struct {
	mutex sync.Mutex
	inner winrm.Transporter
}

func (s *serial) Transport(endpoint *winrm.Endpoint) error { return s.inner.Transport(endpoint) }

func (s *serial) Post(client *winrm.Client, request *soap.SoapMessage) (string, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.inner.Post(client, request)
}

func run(shell *winrm.Shell, command string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	cmd, err := shell.Execute(command, args...)
	if err != nil {
		return failure, err
	}
	var streams sync.WaitGroup
	var copied error
	if stdin != nil {
		streams.Add(1)
		go func() {
			defer streams.Done()
			_, copied = io.Copy(cmd.Stdin, stdin)
			cmd.Stdin.Close()
		}()
	}
	for _, stream := range []struct {
		to   io.Writer
		from io.Reader
	}{{stdout, cmd.Stdout}, {stderr, cmd.Stderr}} {
		streams.Add(1)
		go func() {
			defer streams.Done()
			io.Copy(stream.to, stream.from)
		}()
	}
	cmd.Wait()
	streams.Wait()
	if err := cmd.Error(); err != nil {
		return failure, err
	}
	if err := cmd.Close(); err != nil {
		return failure, fmt.Errorf("signal: %w", err)
	}
	// A command may end without having read its input.
	if copied != nil && !strings.Contains(copied.Error(), "closed") {
		fmt.Fprintln(os.Stderr, "masterzen: stdin:", copied)
	}
	return cmd.ExitCode(), nil
}

// breakOff passes the first output on and then ends the command, or leaves that to the deletion of the shell.
func breakOff(shell *winrm.Shell, command string, args []string, terminate bool) error {
	cmd, err := shell.Execute(command, args...)
	if err != nil {
		return err
	}
	go io.Copy(io.Discard, cmd.Stderr)
	first := make([]byte, 4096)
	n, err := cmd.Stdout.Read(first)
	if err != nil {
		return err
	}
	os.Stdout.Write(first[:n])
	go io.Copy(io.Discard, cmd.Stdout)
	if terminate {
		return cmd.Close()
	}
	return nil
}

func measure(o options, count, concurrency int, reuse bool, command string, args []string) (float64, error) {
	var next atomic.Int64
	var workers sync.WaitGroup
	errs := make(chan error, concurrency)
	clients := make([]*winrm.Client, concurrency)
	for i := range clients {
		client, err := newClient(o)
		if err != nil {
			return 0, err
		}
		clients[i] = client
	}
	started := time.Now()
	for _, client := range clients {
		workers.Add(1)
		go func() {
			defer workers.Done()
			if err := work(client, &next, int64(count), reuse, command, args); err != nil {
				errs <- err
			}
		}()
	}
	workers.Wait()
	elapsed := time.Since(started)
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(count) / elapsed.Seconds(), nil
	}
}

func work(client *winrm.Client, next *atomic.Int64, count int64, reuse bool, command string, args []string) error {
	var shell *winrm.Shell
	var err error
	for next.Add(1) <= count {
		if shell == nil {
			if shell, err = client.CreateShell(); err != nil {
				return err
			}
		}
		code, err := run(shell, command, args, nil, io.Discard, io.Discard)
		if err != nil {
			return err
		}
		if code != 0 {
			return fmt.Errorf("exit code %d", code)
		}
		if !reuse {
			if err := shell.Close(); err != nil {
				return err
			}
			shell = nil
		}
	}
	if shell != nil {
		return shell.Close()
	}
	return nil
}
