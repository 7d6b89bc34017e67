package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nightkeeper/internal/app"
)

// fails runs a command line and checks its exit code, and that what it says has every one of the words.
func fails(t *testing.T, line string, code int, words ...string) string {
	t.Helper()
	var said strings.Builder
	if got := run(strings.Fields(line), &said); got != code {
		t.Errorf("%q: exit code %d, want %d: %s", line, got, code, said.String())
	}
	for _, w := range words {
		if !strings.Contains(said.String(), w) {
			t.Errorf("%q says %q, which lacks %q", line, said.String(), w)
		}
	}
	return said.String()
}

// prints returns what a command that succeeds writes to standard output.
func prints(t *testing.T, line string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stdout
	os.Stdout = w
	fails(t, line, 0)
	os.Stdout = was
	w.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestWrongUsageIsToldWithWhatWouldBeRight(t *testing.T) {
	fails(t, "incidentss", exitUsage, `unknown command "incidentss"`, "this? incidents;", "nightkeeper --help")
	fails(t, "experiment begin x", exitUsage, `unknown command "begin"`, "nightkeeper experiment COMMAND")
	fails(t, "pages --opne", exitUsage, "--opne", "nightkeeper pages --help")
	fails(t, "--opne", exitUsage, "--opne", "nightkeeper COMMAND")
	fails(t, "incidents --open=perhaps", exitUsage, "--open", "nightkeeper incidents [ID]")
	fails(t, "ack", exitUsage, "nightkeeper ack PAGE")
	fails(t, "ack a b", exitUsage, "nightkeeper ack PAGE")
	fails(t, "pages x", exitUsage, "nightkeeper pages")
	fails(t, "experiment start", exitUsage, "nightkeeper experiment start NAME")
	fails(t, "completion cmd.exe", exitUsage, "nightkeeper completion COMMAND")
	fails(t, "approve RUN-1", exitUsage, "nightkeeper approve [RUN SEQ]")
	fails(t, "demo --scenario sunday", exitUsage, "sunday", "black-friday")
	fails(t, "serve", exitUsage, "--catalog")
	fails(t, "serve --allow-outgoing everywhere", exitUsage, "--allow-outgoing", "10.0.0.0/8")
	fails(t, "serve --catalog x --otlp-grpc banana", exitUsage, "--otlp-grpc", "banana", "127.0.0.1:7777")
	fails(t, "serve --catalog x --http :http", exitUsage, "--http")
	fails(t, "serve --catalog x --base-url banana", exitUsage, "--base-url", "https://")
	fails(t, "serve --catalog x --retention -5h", exitUsage, "--retention")
	fails(t, "shop --admin 0.0.0.0:7070", exitUsage, "--admin", "loopback")
	fails(t, "shop --journeys -1", exitUsage, "--journeys")
	fails(t, "gate checkout --change banana", exitUsage, "--change", "rollback")
	fails(t, "run retry-storm", exitUsage, "--incident")
	fails(t, "status --url http://[", exitUsage, "http://127.0.0.1:7777")
	fails(t, "validate "+filepath.Join(t.TempDir(), "none"), exitUsage, "none", "give the directory")
	fails(t, "validate "+docs+"/examples/catalog/services.yaml", exitUsage, "services.yaml", "give the directory")
}

func TestExitCodesOfWhatWasRightlyAsked(t *testing.T) {
	fails(t, "validate "+docs+"/examples/catalog", 0)
	misspelt := t.TempDir()
	if err := os.WriteFile(filepath.Join(misspelt, "calm.md"), []byte("---\ntriggers: [{cause: retry_strom}]\n---\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, "validate "+misspelt, exitFailed, "3 mistakes")
	fails(t, "status --url http://127.0.0.1:1", exitAway, "no answer from http://127.0.0.1:1")
	fails(t, "gate checkout --url http://127.0.0.1:1", gateUnknown, "unknown")
}

// One wrong name may be thousands of mistakes: they are shown once, and not all.
func TestServeShowsTheFirstMistakesOfACatalog(t *testing.T) {
	dir := t.TempDir()
	var many strings.Builder
	for i := range 30 {
		fmt.Fprintf(&many, "apiVersion: nightkeeper/v1\nkind: Service\nmetadata:\n  name: s%d\nspec:\n  team: nobody\n---\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "services.yaml"), []byte(many.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	said := fails(t, "serve --data "+t.TempDir()+" --catalog "+dir, exitFailed, "services.yaml:6:9: there is no Team", "and 10 more; nightkeeper validate "+dir)
	if n := strings.Count(said, "there is no Team"); n != 20 || strings.Count(said, "services.yaml:6:9:") != 1 {
		t.Errorf("%d mistakes: %s", n, said)
	}
}

func TestAddressInUseIsToldOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	said := fails(t, "serve --otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0 --data "+t.TempDir()+" --catalog "+docs+"/examples/catalog --http "+taken.Addr().String(),
		exitAway, "cannot listen on "+taken.Addr().String()+": ")
	if strings.Count(said, taken.Addr().String()) != 1 || strings.Count(said, "in use") != 1 {
		t.Errorf("%q", said)
	}
}

// The program starts itself for the telemetry engine.
func TestMain(m *testing.M) {
	if code, ok := app.Child(os.Args[1:]); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}
