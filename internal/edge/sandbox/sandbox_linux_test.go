package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/remediate/script"
)

// TestMain lets the test binary be its own child, and a few hostile ones.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "sandbox":
			os.Exit(Main())
		case "flood":
			flood(os.Stdout)
		case "flood-stderr":
			flood(os.Stderr)
		case "say":
			_, _ = readLine(bufio.NewReader(os.Stdin), maxFromParent)
			fmt.Println(os.Args[2])
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		case "parent":
			host := script.Host{List: builtins, Func: func(context.Context, script.Call) (script.Result, error) { select {} }}
			_, _ = New(Config{}).Run(context.Background(), source(os.Args[2]), nil, host)
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

func flood(w io.Writer) {
	for {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
			os.Exit(1)
		}
	}
}

var builtins = []script.Builtin{
	{Name: "echo", Class: script.Read, Params: []script.Param{{Name: "value"}, {Name: "times", Type: "int", Default: 1}}},
	{Name: "approve", Class: script.Keyed},
}

func source(text string) script.Source {
	return script.Source{Name: "book.md", Blocks: []script.Block{{Text: text, FirstLine: 10}}}
}

func echo(_ context.Context, c script.Call) (script.Result, error) {
	return script.Result{OK: true, Value: c.Args["value"]}, nil
}

func run(t testing.TB, c Config, text string, f func(context.Context, script.Call) (script.Result, error)) (script.Outcome, error) {
	t.Helper()
	return New(c).Run(t.Context(), source(text), map[string]any{"params": map[string]any{"n": 7}}, script.Host{List: builtins, Func: f})
}

func TestSandboxGivesWhatRunGives(t *testing.T) {
	for _, text := range []string{
		"r = echo(value = {'a': [1, 1.0, None, b'x', 1 << 90]})\nresolve(str(r.value))",
		"escalate('x', context = {'r': echo(2)})",
		"print(params)\nfail('no')",
		"x = [1][3]",
		"x = 1",
		"logz(1)\nx = y",
		"def f(:",
		"echo(nope = 1)",
	} {
		host := script.Host{List: builtins, Func: echo}
		inputs := map[string]any{"params": map[string]any{"n": 7}}
		want, wantErr := script.Local{}.Run(t.Context(), source(text), inputs, host)
		got, gotErr := New(Config{}).Run(t.Context(), source(text), inputs, host)
		if fmt.Sprintf("%+v %v %s", got, gotErr, errs.CodeOf(gotErr)) != fmt.Sprintf("%+v %v %s", want, wantErr, errs.CodeOf(wantErr)) {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v, %v", text, got, gotErr, want, wantErr)
		}
	}
}

func TestDefaultsKeepTheirTypes(t *testing.T) {
	_, err := run(t, Config{}, "echo(1)", func(_ context.Context, c script.Call) (script.Result, error) {
		if c.Args["times"] != int64(1) {
			t.Errorf("got %#v, want the int 1", c.Args["times"])
		}
		return script.Result{OK: true}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLimitsStopAScriptAndNotItsParent(t *testing.T) {
	f := func(name string, c Config, text, want string) {
		t.Helper()
		_, err := run(t, c, text, echo)
		if !errors.Is(err, script.ErrLimit) || !errs.Is(err, errs.Invalid) || errs.Message(err) != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	const memory = "script used more than 512 MiB of memory and was stopped"
	f("doubling string", Config{}, "s = 'x'\nfor i in range(40):\n    s = s + s", memory)
	f("doubling list", Config{MemoryBytes: 128 << 20, CPUSeconds: 60}, "s = [1]\nfor i in range(40):\n    s = s + s", "script used more than 128 MiB of memory and was stopped")
	f("one big allocation", Config{}, "s = 'x' * (1 << 29)\nt = s + s", memory)
	f("small memory", Config{MemoryBytes: 128 << 20}, "s = 'x'\nfor i in range(40):\n    s = s + s", "script used more than 128 MiB of memory and was stopped")
	f("endless loop", Config{}, "while True:\n    pass", "script ran more than 10000000 steps and was stopped")
	f("processor time", Config{Steps: 1 << 60, CPUSeconds: 1}, "while True:\n    pass", "script ran more than 1 CPU seconds and was stopped")
	f("calls", Config{Calls: 10}, "while True:\n    echo(1)", "script made more than 10 calls and was stopped")
	f("prints", Config{}, `while True: print("x" * 100000)`, "script printed more than 1024 KiB and was stopped; print what people need to know, once")
	f("journal", Config{}, "v = 'x' * 1000000\nwhile True: echo(v)", "script wrote more than 8 MiB of arguments and answers to its journal and was stopped; ask for less, or less often")
	if withCgo() {
		return // the race detector's own memory is used up first
	}
	f("nested value", Config{}, "a = ()\nfor i in range(1000000):\n    a = (a,)\nb = {a: 1}", "script nests its values or calls too deep and was stopped")
}

func TestErrorsOfEffectsKeepTheirIdentity(t *testing.T) {
	for _, want := range []error{script.ErrParked, script.ErrAborted} {
		_, err := run(t, Config{}, "approve()\nwhile True:\n    pass", func(context.Context, script.Call) (script.Result, error) {
			return script.Result{}, want
		})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestReplayThroughASandbox(t *testing.T) {
	j := &journal{}
	parked := true
	host := script.Host{List: builtins, Func: func(_ context.Context, c script.Call) (script.Result, error) {
		if c.Name == "approve" && parked {
			return script.Result{}, script.ErrParked
		}
		return script.Result{OK: true, Value: c.Args["value"]}, nil
	}}
	again := func() (script.Outcome, error) {
		return New(Config{}).Run(t.Context(), source("x = echo(1.0).value\napprove()\nresolve(str(x))"), nil, script.NewReplayer("r", j.entries, j, host))
	}
	if _, err := again(); !errors.Is(err, script.ErrParked) {
		t.Fatalf("got %v", err)
	}
	parked = false
	if o, err := again(); err != nil || o.Reason != "1.0" || o.Calls != 2 {
		t.Errorf("got %+v, %v", o, err)
	}
	j.entries[0].ArgsHash = "another"
	if _, err := again(); !errors.Is(err, script.ErrDiverged) {
		t.Errorf("got %v", err)
	}
}

type journal struct{ entries []script.Entry }

func (j *journal) Record(_ context.Context, e script.Entry) error {
	if e.Seq <= len(j.entries) {
		j.entries[e.Seq-1] = e
	} else {
		j.entries = append(j.entries, e)
	}
	return nil
}

func TestCancelEndsARunInTheMidstOfALoop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	host := script.Host{List: builtins, Func: func(context.Context, script.Call) (script.Result, error) {
		cancel()
		return script.Result{OK: true}, nil
	}}
	_, err := New(Config{Steps: 1 << 60}).Run(ctx, source("echo(1)\nwhile True:\n    pass"), nil, host)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestChildHasNeitherEnvironmentNorFilesOfItsParent(t *testing.T) {
	t.Setenv("NIGHTKEEPER_SECRET", "hunter2")
	secret, err := os.Create(t.TempDir() + "/secret")
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	// As if the parent had inherited it from a shell.
	if _, _, e := syscall.Syscall(syscall.SYS_FCNTL, secret.Fd(), syscall.F_SETFD, 0); e != 0 {
		t.Fatal(e)
	}
	_, err = run(t, Config{}, "echo(1)", func(context.Context, script.Call) (script.Result, error) {
		child := fmt.Sprintf("/proc/%d/", childOf(os.Getpid()))
		if env, err := os.ReadFile(child + "environ"); err != nil || len(env) != 0 {
			t.Errorf("got the environment %q, %v", env, err)
		}
		files, err := os.ReadDir(child + "fd")
		if err != nil {
			t.Error(err)
		}
		for _, f := range files {
			to, err := os.Readlink(child + "fd/" + f.Name())
			if err != nil || !strings.HasPrefix(to, "pipe:") && !strings.HasPrefix(to, "anon_inode:") {
				t.Errorf("got the file %s: %s, %v", f.Name(), to, err)
			}
		}
		if withCgo() {
			return script.Result{OK: true}, nil
		}
		status, err := os.ReadFile(child + "status")
		if err != nil || !strings.Contains(string(status), "NoNewPrivs:\t1") {
			t.Errorf("the child can gain privileges: %v", err)
		}
		return script.Result{OK: true}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestHostileChildrenAreStopped(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := run(t, Config{Command: append([]string{"/proc/self/exe"}, args...), Patience: 2 * time.Second}, "x = 1", echo)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", args, err, want)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
			t.Errorf("%v: the parent used %d MiB", args, grown>>20)
		}
	}
	f("line of more than 4 MiB", "flood")
	f("no progress for 2s", "flood-stderr")
	f("no message", "say", "")
	f("no message", "say", "hello")
	f("an empty message", "say", "{}")
	f(`asked for call 1 "secrets.all"`, "say", `{"call":{"seq":1,"name":"secrets.all","args":{}}}`)
	f(`asked for call 9 "echo"`, "say", `{"call":{"seq":9,"name":"echo","args":{}}}`)
	f("do not fit", "say", `{"call":{"seq":1,"name":"echo","args":{"command":"rm"}}}`)
	f("no object", "say", `{"call":{"seq":1,"name":"echo","args":[1]}}`)
	f("cannot be read", "say", `{"call":{"seq":1,"name":"echo","args":{"value":{"$bytes":5}}}}`)
	f("printed 5000 bytes", "say", `{"call":{"seq":1,"name":"note","args":{"text":"`+strings.Repeat("x", 5000)+`"}}}`)
	f("ended as", "say", `{"end":{"kind":"approved"}}`)
}

func TestMissingCommandIsUnavailable(t *testing.T) {
	if _, err := run(t, Config{Command: []string{"/does/not/exist"}}, "x = 1", echo); !errs.Is(err, errs.Unavailable) {
		t.Errorf("got %v", err)
	}
}

// TestChildDiesWithItsParent kills a parent whose child loops, and one whose child waits for an effect.
func TestChildDiesWithItsParent(t *testing.T) {
	for _, text := range []string{"while True:\n    pass", "approve()"} {
		parent := exec.Command("/proc/self/exe", "parent", text)
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		child := await(t, func() int { return childOf(parent.Process.Pid) })
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = parent.Wait()
		await(t, func() int {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
			if err != nil || strings.Contains(string(stat), ") Z ") { // gone, or waiting for init to look
				return 1
			}
			return 0
		})
	}
}

// withCgo reports whether this is a build for the race detector: the program itself is built without cgo.
func withCgo() bool {
	_, _, e := syscall.AllThreadsSyscall(syscall.SYS_GETPID, 0, 0, 0)
	return e == syscall.ENOTSUP
}

func childOf(pid int) int {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if fields := strings.Fields(string(b)); len(fields) > 0 {
			child, _ := strconv.Atoi(fields[0])
			return child
		}
	}
	return 0
}

// await looks until f is not zero: the process under test is not ours, so there is no signal to wait for.
func await(t *testing.T, f func() int) int {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if v := f(); v != 0 {
			return v
		}
	}
	t.Fatal("waited in vain")
	return 0
}

func BenchmarkChildStart(b *testing.B) {
	for b.Loop() {
		if _, err := run(b, Config{}, "resolve('hello')", echo); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEffect(b *testing.B) {
	text := fmt.Sprintf("for i in range(%d):\n    echo(i)", b.N)
	b.ResetTimer()
	if _, err := run(b, Config{Steps: 1 << 40, Calls: b.N + 1}, text, echo); err != nil {
		b.Fatal(err)
	}
}
