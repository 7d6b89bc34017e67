package script

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"nightkeeper/internal/kit/errs"
)

// Limits bound one run of a script, from its first line. Zero means the default. They are no part of the journal:
// the meaning of a step may change with a release.
type Limits struct {
	Steps uint64 // computation steps; default 10 million, a tenth of a second
	Calls int    // effects; default 100,000
}

// Defaults of Limits.
const (
	DefaultSteps = 10_000_000
	DefaultCalls = 100_000
)

// Run evaluates a script from its first line until it ends, and asks effects for each call. inputs has up to two maps:
// "incident" becomes the frozen struct incident, "params" the frozen dict params.
//
// A script that fails has the outcome Failed and no error. An error is what kept the script from an outcome: a source
// that Check refuses, a limit (ErrLimit), the end of ctx, or what effects returned (ErrParked and its kin).
func Run(ctx context.Context, src Source, inputs map[string]any, effects Effects, limits Limits) (o Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errs.Wrap(fmt.Errorf("panic: %v\n%s", p, debug.Stack()), errs.Internal, "%s: the script ended in a bug of ours", src.Name)
		}
	}()
	if limits.Steps == 0 {
		limits.Steps = DefaultSteps
	}
	if limits.Calls == 0 {
		limits.Calls = DefaultCalls
	}
	m := &machine{ctx: ctx, effects: effects, limits: limits}
	prog, err := compile(src, effects.Builtins(), m)
	if err != nil {
		return Outcome{}, err
	}
	if err := setInputs(prog.env, inputs); err != nil {
		return Outcome{}, err
	}

	thread := &starlark.Thread{Name: src.Name}
	thread.SetMaxExecutionSteps(limits.Steps)
	thread.OnMaxSteps = func(t *starlark.Thread) {
		m.halt(errs.Wrap(ErrLimit, errs.Invalid, "script ran more than %d steps and was stopped", limits.Steps))
		t.Cancel("too many steps")
	}
	defer context.AfterFunc(ctx, func() { thread.Cancel("context ended") })()
	_, err = prog.code.Init(thread, prog.env)

	switch {
	case m.stop != nil:
		return Outcome{}, m.stop
	case m.outcome.Kind != "":
		o = m.outcome
	case ctx.Err() != nil:
		return Outcome{}, fmt.Errorf("run %s: %w", src.Name, context.Cause(ctx))
	case err != nil:
		o = failure(err)
	default:
		o = Outcome{Kind: Finished}
	}
	o.Calls = m.seq
	if err := End(effects, o); err != nil {
		return Outcome{}, err
	}
	return o, nil
}

// setInputs fills in incident and params.
func setInputs(env starlark.StringDict, inputs map[string]any) error {
	for name := range inputs {
		if name != "incident" && name != "params" {
			return errs.New(errs.Internal, "a script takes the inputs incident and params, not %s", name)
		}
	}
	for _, name := range []string{"incident", "params"} {
		c, err := Canonical(inputs[name])
		if err != nil {
			return fmt.Errorf("input %s: %w", name, err)
		}
		facts, ok := c.(map[string]any)
		if !ok && c != nil {
			return errs.New(errs.Internal, "the input %s must be a map", name)
		}
		if name == "incident" {
			env[name] = toStruct(facts)
		} else {
			if facts == nil {
				facts = map[string]any{}
			}
			env[name] = toStarlark(facts)
		}
		env[name].Freeze()
	}
	return nil
}

// failure is the outcome of a script that went wrong by itself.
func failure(err error) Outcome {
	o := Outcome{Kind: Failed, Reason: strings.TrimPrefix(err.Error(), "fail: ")}
	var e *starlark.EvalError
	if errors.As(err, &e) {
		o.Reason = strings.TrimPrefix(e.Msg, "fail: ")
		o.Trace = e.Backtrace()
		o.Site = site(e.CallStack)
	}
	return o
}

// site is the place in the script nearest to the top of the stack.
func site(stack starlark.CallStack) string {
	for i := range stack {
		if pos := stack.At(i).Pos; pos.Line > 0 {
			return pos.String()
		}
	}
	return ""
}

// machine is one run: what the built-ins share.
type machine struct {
	ctx     context.Context // of Run, for the length of Run: the interpreter's callbacks have no place for it
	effects Effects
	limits  Limits
	seq     int
	meter   Meter
	outcome Outcome // set by resolve and escalate
	stop    error   // why there is no outcome
}

// errUnwind ends the script from inside a built-in; nothing in Starlark catches it.
var errUnwind = errors.New("the script ends here")

func (m *machine) halt(err error) {
	if m.stop == nil {
		m.stop = err
	}
}

// effect returns the function that a script calls for a declared built-in.
func (m *machine) effect(b *Builtin) func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		bound, err := bindStarlark(b, args, kwargs)
		if err != nil {
			return nil, err
		}
		r, err := m.do(t, b.Name, bound)
		if err != nil {
			return nil, err
		}
		return &resultValue{ok: r.OK, value: toStarlark(r.Value), err: r.Error, cut: r.Cut}, nil
	}
}

// do asks for one effect. An error of effects unwinds the script.
func (m *machine) do(t *starlark.Thread, name string, args map[string]any) (Result, error) {
	if size := len(appendValue(nil, args)); size > MaxArgs {
		return Result{}, fmt.Errorf("%s: the arguments are larger than %d KiB", name, MaxArgs>>10)
	}
	if m.seq++; m.seq > m.limits.Calls {
		m.halt(errs.Wrap(ErrLimit, errs.Invalid, "script made more than %d calls and was stopped", m.limits.Calls))
		return Result{}, errUnwind
	}
	if err := m.meter.Ask(name, args); err != nil {
		m.halt(err)
		return Result{}, errUnwind
	}
	if err := m.ctx.Err(); err != nil {
		m.halt(fmt.Errorf("%s: %w", name, context.Cause(m.ctx)))
		return Result{}, errUnwind
	}
	c := Call{Seq: m.seq, Path: strconv.Itoa(m.seq), Name: name, Args: args, Site: site(t.CallStack())}
	r, err := m.effects.Do(m.ctx, c)
	if err != nil {
		m.halt(fmt.Errorf("%s: %s: %w", c.Site, name, err))
		return Result{}, errUnwind
	}
	r = Fit(r, MaxResult)
	m.meter.Took(r)
	return r, nil
}

func (m *machine) print(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sep := " "
	if err := starlark.UnpackArgs("print", nil, kwargs, "sep?", &sep); err != nil {
		return nil, err
	}
	parts := make([]string, len(args))
	for i, a := range args {
		if s, ok := starlark.AsString(a); ok {
			parts[i] = s
		} else {
			parts[i] = a.String()
		}
	}
	_, err := m.do(t, Note, map[string]any{"text": line(strings.Join(parts, sep))})
	return starlark.None, err
}

func (m *machine) now(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args)+len(kwargs) > 0 {
		return nil, fmt.Errorf("time.now takes no arguments")
	}
	r, err := m.do(t, Now, map[string]any{})
	if err != nil {
		return nil, err
	}
	if !r.OK {
		return nil, fmt.Errorf("time.now: %s", r.Error)
	}
	return toStarlark(r.Value), nil
}

func (m *machine) must(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	if err := starlark.UnpackArgs("must", args, kwargs, "result", &v); err != nil {
		return nil, err
	}
	r, ok := v.(*resultValue)
	if !ok {
		return nil, fmt.Errorf("must takes the result of a built-in, got a %s", v.Type())
	}
	if !r.ok {
		return nil, fmt.Errorf("must: %s", r.err)
	}
	return r.value, nil
}

func (m *machine) resolve(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return m.finish(t, &resolveFunc, Resolved, args, kwargs)
}

func (m *machine) escalate(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return m.finish(t, &escalateFunc, Escalated, args, kwargs)
}

func (m *machine) finish(t *starlark.Thread, b *Builtin, kind Kind, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	bound, err := bindStarlark(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	reason, _ := bound["reason"].(string)
	m.outcome = Outcome{Kind: kind, Reason: reason, Context: bound["context"], Site: site(t.CallStack())}
	return nil, errUnwind
}

// bindStarlark turns the arguments of a call into bound canonical ones.
func bindStarlark(b *Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (map[string]any, error) {
	if len(args) > len(b.Params) {
		return nil, fmt.Errorf("%s got too many arguments; %s", b.Name, b.signature())
	}
	given := make(map[string]any, len(args)+len(kwargs))
	set := func(name string, v starlark.Value) error {
		if _, twice := given[name]; twice {
			return fmt.Errorf("%s got %s twice", b.Name, name)
		}
		c, err := fromStarlark(v)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", b.Name, name, err)
		}
		given[name] = c
		return nil
	}
	for i, v := range args {
		if err := set(b.Params[i].Name, v); err != nil {
			return nil, err
		}
	}
	for _, kv := range kwargs {
		if err := set(string(kv[0].(starlark.String)), kv[1]); err != nil {
			return nil, err
		}
	}
	return b.Bind(given)
}

// Local runs scripts in this process: for tests, and for scripts that nobody else wrote. It has the shape of a sandbox.
type Local struct{ Limits Limits }

// Run is the function Run with the limits of l.
func (l Local) Run(ctx context.Context, src Source, inputs map[string]any, effects Effects) (Outcome, error) {
	return Run(ctx, src, inputs, effects, l.Limits)
}
