package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/self"
	"nightkeeper/internal/loop/remediate/script"
)

// Config of a sandbox. Everything has a default.
type Config struct {
	Command     []string      // the child; default this program with the argument "sandbox"
	MemoryBytes uint64        // default 512 MiB
	CPUSeconds  uint64        // processor time of one run, waiting not counted; default 10
	Steps       uint64        // default script.DefaultSteps
	Calls       int           // default script.DefaultCalls
	Patience    time.Duration // how long a child may neither ask nor end; default 2 minutes
	Log         *slog.Logger
}

// Sandbox runs scripts in children. It keeps nothing between runs and may be used by many goroutines.
type Sandbox struct{ config Config }

// New returns a sandbox. It starts nothing.
func New(c Config) *Sandbox {
	if c.MemoryBytes == 0 {
		c.MemoryBytes = 512 << 20
	}
	if c.CPUSeconds == 0 {
		c.CPUSeconds = 10
	}
	if c.Steps == 0 {
		c.Steps = script.DefaultSteps
	}
	if c.Calls == 0 {
		c.Calls = script.DefaultCalls
	}
	if c.Patience == 0 {
		c.Patience = 2 * time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Sandbox{config: c}
}

// Run evaluates a script in a child and does its effects here. It is script.Run with limits that hold: outcomes, and
// errors of effects, are the same. A script that used too much memory or processor time is script.ErrLimit.
func (s *Sandbox) Run(ctx context.Context, src script.Source, inputs map[string]any, effects script.Effects) (script.Outcome, error) {
	first, err := s.start(src, inputs, effects.Builtins())
	if err != nil {
		return script.Outcome{}, err
	}
	c, err := s.spawn(ctx)
	if err != nil {
		return script.Outcome{}, errs.Wrap(err, errs.Unavailable, "cannot start a process for the script")
	}
	o, err := c.converse(ctx, first, effects)
	c.finish(err)
	if err == nil {
		err = script.End(effects, o)
	}
	if err == nil {
		return o, nil
	}
	if ctx.Err() != nil && (errors.Is(err, errGone) || errors.Is(err, context.Cause(ctx))) {
		return script.Outcome{}, fmt.Errorf("run %s: %w", src.Name, context.Cause(ctx))
	}
	if errors.Is(err, errGone) {
		err = c.death(err)
		s.config.Log.Warn("a script's process died", "script", src.Name, "error", err)
	}
	return script.Outcome{}, err
}

// start returns the first message.
func (s *Sandbox) start(src script.Source, inputs map[string]any, builtins []script.Builtin) (start, error) {
	encoded, err := script.Encode(inputs)
	if err != nil {
		return start{}, fmt.Errorf("encode inputs: %w", err)
	}
	plain := slices.Clone(builtins)
	for i := range plain {
		plain[i].Params = slices.Clone(plain[i].Params)
		for j := range plain[i].Params {
			plain[i].Params[j].Default = nil // JSON would make a float of an int
		}
	}
	c := s.config
	return start{
		Source: src, Inputs: encoded, Builtins: plain,
		Steps: c.Steps, Calls: c.Calls, MemoryBytes: c.MemoryBytes, CPUSeconds: c.CPUSeconds,
	}, nil
}

// errGone says that the child is no longer there to talk to.
var errGone = errors.New("the script's process is gone")

// child is one process and the pipes to it.
type child struct {
	config   Config
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Reader
	stderr   head
	cancel   context.CancelFunc // kills
	patience *time.Timer
	bored    atomic.Bool // patience ran out
	calls    int
	meter    script.Meter
}

func (s *Sandbox) spawn(ctx context.Context) (*child, error) {
	command := s.config.Command
	if len(command) == 0 {
		self, err := self.Executable()
		if err != nil {
			return nil, err
		}
		command = []string{self, "sandbox"}
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &child{config: s.config, cancel: cancel, cmd: exec.CommandContext(ctx, command[0], command[1:]...)}
	c.cmd.Env = []string{}
	c.cmd.Dir = "/"
	c.cmd.Stderr = &c.stderr
	c.cmd.WaitDelay = time.Second
	c.cmd.SysProcAttr = attributes()
	var err error
	if c.in, err = c.cmd.StdinPipe(); err == nil {
		var out io.ReadCloser
		if out, err = c.cmd.StdoutPipe(); err == nil {
			c.out = bufio.NewReaderSize(out, 64<<10)
			err = c.cmd.Start()
		}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	c.patience = time.AfterFunc(s.config.Patience, func() {
		c.bored.Store(true)
		cancel()
	})
	return c, nil
}

// converse answers the child until it ends.
func (c *child) converse(ctx context.Context, first start, effects script.Effects) (script.Outcome, error) {
	declared := map[string]script.Builtin{}
	for _, b := range append(script.Core(), effects.Builtins()...) {
		declared[b.Name] = b
	}
	if err := c.send(first); err != nil {
		return script.Outcome{}, err
	}
	for {
		m, err := c.receive()
		if err != nil {
			return script.Outcome{}, err
		}
		switch {
		case m.Call != nil:
			a, err := c.do(ctx, m.Call, declared, effects)
			if err != nil {
				return script.Outcome{}, err
			}
			if err := c.send(a); err != nil {
				return script.Outcome{}, err
			}
		case m.End != nil:
			return c.outcome(m.End)
		case m.Failure != nil:
			return script.Outcome{}, m.Failure.error()
		default:
			return script.Outcome{}, breach("it sent an empty message")
		}
	}
}

// do checks a call, as if the child were somebody else, and does it.
func (c *child) do(ctx context.Context, asked *call, declared map[string]script.Builtin, effects script.Effects) (answer, error) {
	c.calls++
	b, ok := declared[asked.Name]
	if !ok || asked.Seq != c.calls || len(asked.Site) > maxText {
		return answer{}, breach("it asked for call %d %.40q", asked.Seq, asked.Name)
	}
	if c.calls > c.config.Calls {
		return answer{}, errs.Wrap(script.ErrLimit, errs.Invalid, "script made more than %d calls and was stopped", c.config.Calls)
	}
	if len(asked.Args) > script.MaxArgs {
		return answer{}, breach("it sent %d bytes of arguments", len(asked.Args))
	}
	value, err := script.Decode(asked.Args)
	if err != nil {
		return answer{}, breach("its arguments cannot be read: %v", err)
	}
	args, ok := value.(map[string]any)
	if !ok {
		return answer{}, breach("its arguments are no object")
	}
	if args, err = b.Bind(args); err != nil {
		return answer{}, breach("its arguments do not fit: %v", err)
	}
	if text, _ := args["text"].(string); b.Name == script.Note && len(text) > script.MaxLine {
		return answer{}, breach("it printed %d bytes at once", len(text))
	}
	if err := c.meter.Ask(b.Name, args); err != nil {
		return answer{}, err
	}
	path := strconv.Itoa(asked.Seq)
	c.patience.Stop() // the wait is ours
	defer c.patience.Reset(c.config.Patience)
	r, err := effects.Do(ctx, script.Call{Seq: asked.Seq, Path: path, Name: asked.Name, Args: args, Site: asked.Site})
	if err != nil {
		return answer{}, fmt.Errorf("%s: %s: %w", asked.Site, asked.Name, err)
	}
	c.meter.Took(r)
	return answer{Result: script.EncodeResult(r)}, nil
}

func (c *child) outcome(e *end) (script.Outcome, error) {
	o := script.Outcome{Kind: e.Kind, Reason: e.Reason, Site: e.Site, Trace: e.Trace, Calls: c.calls}
	switch e.Kind {
	case script.Resolved, script.Escalated, script.Finished, script.Failed:
	default:
		return o, breach("it ended as %.40q", e.Kind)
	}
	if len(e.Context) > 0 {
		var err error
		if o.Context, err = script.Decode(e.Context); err != nil {
			return o, breach("its context cannot be read: %v", err)
		}
	}
	return o, nil
}

// finish waits for the end of a process that is going, and ends one that is not.
func (c *child) finish(err error) {
	defer c.cancel()
	defer c.patience.Stop()
	if !errors.Is(err, errGone) {
		c.cancel() // it has said all that we want to hear
	}
	_ = c.in.Close()                  // it may have gone first
	_, _ = io.Copy(io.Discard, c.out) // what is left, until it ends: Wait closes the pipe
	_ = c.cmd.Wait()                  // how it ended is in ProcessState
}

func (c *child) send(v any) error {
	if err := writeLine(c.in, v); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}

func (c *child) receive() (message, error) {
	line, err := readLine(c.out, maxFromChild)
	if errors.Is(err, errLongLine) {
		return message{}, breach("it sent a line of more than %d MiB", maxFromChild>>20)
	}
	if err != nil {
		return message{}, fmt.Errorf("%w: %w", errGone, err)
	}
	c.patience.Reset(c.config.Patience)
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return message{}, breach("it sent a line that is no message: %v", err)
	}
	return m, nil
}
