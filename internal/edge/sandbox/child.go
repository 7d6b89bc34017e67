package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/self"
	"nightkeeper/internal/loop/remediate/script"
)

// maxStack bounds the stack of one goroutine, which printing a value that is nested a million times would use.
const maxStack = 64 << 20

// Main is the whole life of a child process. It returns the exit code.
func Main() int {
	self.CloseInherited()
	in := bufio.NewReaderSize(os.Stdin, 64<<10)
	line, err := readLine(in, maxFromParent)
	if err != nil {
		return exitOrphan
	}
	var s start
	if err := json.Unmarshal(line, &s); err != nil {
		return complain(fmt.Errorf("read the first message: %w", err))
	}
	runtime.GOMAXPROCS(2) // one for the script, one for what watches it
	debug.SetMaxStack(maxStack)
	debug.SetMemoryLimit(int64(s.MemoryBytes) / 4 * 3) // collect harder before the limit ends everything
	if err := limit(s.MemoryBytes, s.CPUSeconds); err != nil {
		return complain(fmt.Errorf("limit this process: %w", err))
	}
	watchCPU()

	inputs, err := script.Decode(s.Inputs)
	if err != nil {
		return complain(err)
	}
	facts, _ := inputs.(map[string]any)
	p := &parent{builtins: s.Builtins, answers: make(chan []byte), out: os.Stdout}
	go p.listen(in)
	outcome, err := script.Run(context.Background(), s.Source, facts, p, script.Limits{Steps: s.Steps, Calls: s.Calls})
	m := message{End: newEnd(outcome)}
	if err != nil {
		m = message{Failure: newFailure(err)}
	}
	if err := writeLine(os.Stdout, m); err != nil {
		return exitOrphan
	}
	return 0
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return exitStart
}

// watchCPU ends the process in our own words when its processor time is used up.
func watchCPU() {
	used := make(chan os.Signal, 1)
	signal.Notify(used, cpuSignal)
	go func() {
		<-used
		os.Exit(exitCPU)
	}()
}

// parent is the effects of a child: it asks.
type parent struct {
	builtins []script.Builtin
	answers  chan []byte
	out      io.Writer
}

// Builtins returns what the parent declared.
func (p *parent) Builtins() []script.Builtin { return p.builtins }

// Do asks the parent and waits for its answer. A parent that unwinds the script ends this process instead.
func (p *parent) Do(_ context.Context, c script.Call) (script.Result, error) {
	args, err := script.Encode(c.Args)
	if err != nil {
		return script.Result{}, err
	}
	if err := writeLine(p.out, message{Call: &call{Seq: c.Seq, Name: c.Name, Args: args, Site: c.Site}}); err != nil {
		os.Exit(exitOrphan)
	}
	var a answer
	if err := json.Unmarshal(<-p.answers, &a); err != nil {
		return script.Result{}, fmt.Errorf("read the answer: %w", err)
	}
	return script.DecodeResult(a.Result)
}

// listen reads all that the parent says, and ends the process when there is no parent: also in the midst of a loop.
func (p *parent) listen(in *bufio.Reader) {
	for {
		line, err := readLine(in, maxFromParent)
		if err != nil {
			os.Exit(exitOrphan)
		}
		p.answers <- line
	}
}

func newEnd(o script.Outcome) *end {
	e := &end{Kind: o.Kind, Reason: clip(o.Reason), Site: o.Site, Trace: clip(o.Trace)}
	if o.Context != nil {
		e.Context, _ = script.Encode(o.Context) // it is canonical
	}
	return e
}

func newFailure(err error) *failure {
	f := &failure{Code: errs.CodeOf(err), Message: clip(errs.Message(err)), Detail: clip(err.Error()), Limit: errors.Is(err, script.ErrLimit)}
	errors.As(err, &f.Problems)
	return f
}

func clip(s string) string {
	if len(s) > maxText {
		return s[:maxText] + "…"
	}
	return s
}
