package remediate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/remediate/script"
)

// Request is an HTTP request that a script makes.
type Request struct {
	Method  string
	URL     string
	Headers map[string]string // secret:NAME in a value stands for a secret, which the script never sees
	Body    any               // sent as JSON when not nil
	Key     string            // idempotency key, the same whenever the request is repeated
}

// Response is what came back.
type Response struct {
	Status int
	Body   any // decoded JSON, or text
}

// ErrNoAnswer says that a request was sent and that nobody knows what became of it.
var ErrNoAnswer = errors.New("the request was sent but no answer came")

// HTTP makes requests for scripts. When a request was sent and no answer came, the error is ErrNoAnswer. It refuses
// addresses that are not allowed with an error of code denied, and so a secret that may not go where the request goes.
// No response and no error has a secret in it.
type HTTP interface {
	Do(ctx context.Context, r Request) (Response, error)
}

// Engine evaluates a script: a sandbox, or script.Local in tests.
type Engine interface {
	Run(ctx context.Context, src script.Source, inputs map[string]any, effects script.Effects) (script.Outcome, error)
}

func text(name, doc string, required bool) script.Param {
	return script.Param{Name: name, Type: "string", Required: required, Doc: doc}
}

// Builtins returns the functions that a runbook's script can call, beside the plain language.
func Builtins() []script.Builtin {
	headers := script.Param{Name: "headers", Type: "dict", Doc: "texts by name; secret:NAME in a text stands for a secret of the server"}
	to := text("url", "complete address", true)
	url := []script.Param{to, headers}
	send := []script.Param{to, {Name: "body", Type: "any", Doc: "sent as JSON"}, headers}
	return []script.Builtin{
		{Name: "logs.query", Class: script.Read, Doc: "newest log lines, as a list of dicts with time, service, level, text, trace_id", Params: []script.Param{
			text("service", "", false), {Name: "level", Type: "string", Default: "ERROR"}, text("text", "phrase to look for", false),
			{Name: "last", Type: "string", Default: "5m"}, {Name: "limit", Type: "int", Default: int64(100)}}},
		{Name: "metrics.query", Class: script.Read, Doc: "PromQL now, as a list of dicts with labels and value", Params: []script.Param{text("query", "", true)}},
		{Name: "service.stats", Class: script.Read, Doc: "requests, errors and times of a service and the calls to it", Params: []script.Param{
			text("service", "", true), {Name: "last", Type: "string", Default: "30s"}}},
		{Name: "http.get", Class: script.Read, Doc: "a request that changes nothing", Params: url},
		{Name: "http.put", Class: script.Keyed, Doc: "a request that may be repeated", Params: send},
		{Name: "http.post", Class: script.Keyed, Doc: "a request to a target that honours the Idempotency-Key header", Params: send},
		{Name: "http.delete", Class: script.Keyed, Doc: "a request that may be repeated", Params: url},
		{Name: "http.once", Class: script.Once, Doc: "a request that must never be repeated by the machine", Params: append([]script.Param{{Name: "method", Type: "string", Default: "POST"}}, send...)},
		{Name: "wait", Class: script.Read, Doc: "lets time pass", Params: []script.Param{text("duration", "such as 30s", true)}},
		{Name: "approve", Class: script.Read, Doc: "asks a person; ok only when somebody said yes in time", Params: []script.Param{text("text", "what will be done", true)}},
		{Name: "watch", Class: script.Read, Doc: "waits until the objectives of the incident have been kept for a while; ok when they were before the time-out", Params: []script.Param{
			{Name: "calm", Type: "string", Default: "30s"}, {Name: "timeout", Type: "string", Default: "2m"}}},
	}
}

// changes reports whether a built-in changes something in the world.
func changes(name string) bool {
	for _, b := range Builtins() {
		if b.Name == name {
			return b.Class != script.Read
		}
	}
	return false
}

// stepEffects does the calls of one run, one after the other.
type stepEffects struct {
	s    *Service
	run  Run
	wake time.Time // when to look again after parking; zero when a decision will wake the run
}

// Builtins returns the functions of a script.
func (x *stepEffects) Builtins() []script.Builtin { return Builtins() }

// Do does one call.
func (x *stepEffects) Do(ctx context.Context, c script.Call) (script.Result, error) {
	arg := func(k string) string { v, _ := c.Args[k].(string); return v }
	if changes(c.Name) {
		if x.run.DryRun {
			return script.Result{OK: true, Value: map[string]any{"dry_run": true}}, nil
		}
		if err := x.s.mayChange(ctx, x.run, c.Seq); err != nil {
			return failed(err)
		}
	}
	switch c.Name {
	case script.Note:
		return script.Result{OK: true}, nil
	case script.Now:
		return script.Result{OK: true, Value: x.s.Now().Unix()}, nil
	case "logs.query":
		return x.logs(ctx, c)
	case "metrics.query":
		return x.metrics(ctx, arg("query"))
	case "service.stats":
		return x.stats(arg("service"), arg("last"))
	case "wait":
		return x.wait(ctx, c, arg("duration"))
	case "watch":
		return x.watch(ctx, c, arg("calm"), arg("timeout"))
	case "approve":
		return x.approve(ctx, c, arg("text"))
	}
	if method, ok := strings.CutPrefix(c.Name, "http."); ok {
		if method == "once" {
			method = arg("method")
		}
		return x.http(ctx, c, strings.ToUpper(method))
	}
	return script.Result{}, fmt.Errorf("no action is behind %s", c.Name)
}

// failed turns the failure of an action into an answer that a script can look at.
func failed(err error) (script.Result, error) {
	return script.Result{Error: errs.Message(err)}, nil
}

func (x *stepEffects) logs(ctx context.Context, c script.Call) (script.Result, error) {
	last, err := catalog.ParseDuration(str(c.Args["last"]))
	if err != nil {
		return failed(errs.Wrap(err, errs.Invalid, "%v", err))
	}
	limit, _ := c.Args["limit"].(int64)
	now := x.s.Now()
	lines, err := x.s.Telemetry.Logs(ctx, observe.Filter{
		Service: str(c.Args["service"]), Level: str(c.Args["level"]), Text: str(c.Args["text"]), From: now.Add(-last), To: now, Limit: int(limit)})
	if err != nil {
		return failed(err)
	}
	out := make([]any, len(lines))
	for i, l := range lines {
		out[i] = map[string]any{"time": l.Time.UTC().Format(time.RFC3339), "service": l.Service, "level": l.Level, "text": l.Text, "trace_id": l.TraceID}
	}
	return script.Result{OK: true, Value: out}, nil
}

func (x *stepEffects) metrics(ctx context.Context, query string) (script.Result, error) {
	now := x.s.Now()
	series, err := x.s.Telemetry.Metrics(ctx, query, now, now, time.Second)
	if err != nil {
		return failed(err)
	}
	out := []any{}
	for _, s := range series {
		if len(s.Points) == 0 {
			continue
		}
		labels := map[string]any{}
		for k, v := range s.Labels {
			labels[k] = v
		}
		out = append(out, map[string]any{"labels": labels, "value": s.Points[len(s.Points)-1].Value})
	}
	return script.Result{OK: true, Value: out}, nil
}

func (x *stepEffects) stats(service, last string) (script.Result, error) {
	d, err := catalog.ParseDuration(last)
	if err != nil {
		return failed(errs.Wrap(err, errs.Invalid, "%v", err))
	}
	now := x.s.Now()
	st := x.s.Graph.Service(service, now.Add(-d), now.Add(time.Minute))
	var calls, resends, timeouts int64
	callers := []any{}
	for e, c := range x.s.Graph.Calls(now.Add(-d), now.Add(time.Minute)) {
		if e.Server == service {
			calls, resends, timeouts = calls+c.Requests, resends+c.Resends, timeouts+c.Timeouts
			callers = append(callers, e.Client)
		}
	}
	return script.Result{OK: true, Value: map[string]any{
		"requests": st.Requests, "errors": st.Errors, "p90_ms": st.Quantile(0.9).Milliseconds(), "self_p90_ms": st.SelfHist.Quantile(0.9).Milliseconds(),
		"calls": calls, "resends": resends, "timeouts": timeouts, "callers": int64(len(callers)),
	}}, nil
}

func (x *stepEffects) http(ctx context.Context, c script.Call, method string) (script.Result, error) {
	headers, err := headersOf(c.Args["headers"])
	if err != nil {
		return failed(err)
	}
	resp, err := x.s.HTTP.Do(ctx, Request{Method: method, URL: str(c.Args["url"]), Headers: headers, Body: c.Args["body"], Key: c.Key})
	if c.Name == "http.once" && errors.Is(err, ErrNoAnswer) {
		return script.Result{}, script.ErrUnknownOutcome
	}
	if err != nil {
		return failed(err)
	}
	res := script.Result{OK: resp.Status < 400, Value: map[string]any{"status": int64(resp.Status), "body": resp.Body}}
	if !res.OK {
		res.Error = fmt.Sprintf("%s answered %d: %s", PlainURL(str(c.Args["url"])), resp.Status, cut(fmt.Sprint(resp.Body), maxBody))
	}
	return res, nil
}

// headersOf returns the headers that a script gives. A secret is only named in them: it is put in when the request is sent.
func headersOf(v any) (map[string]string, error) {
	m, _ := v.(map[string]any)
	if len(m) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(m))
	for name, value := range m {
		text, ok := value.(string)
		if !ok {
			return nil, errs.New(errs.Invalid, "the header %s must be a string", name)
		}
		out[name] = text
	}
	return out, nil
}

// began returns when a waiting step began, and remembers it over restarts.
func (x *stepEffects) began(ctx context.Context, seq int) (time.Time, error) {
	if t, ok := x.run.Since[seq]; ok {
		return t, nil
	}
	now := x.s.Now()
	err := x.s.Store.Update(ctx, func(tx Tx) error {
		r, err := tx.Run(ctx, x.run.ID)
		if err != nil {
			return err
		}
		if r.Since == nil {
			r.Since = map[int]time.Time{}
		}
		r.Since[seq] = now
		x.run.Since = r.Since
		return tx.SaveRun(ctx, r)
	})
	return now, err
}

func (x *stepEffects) park(at time.Time) (script.Result, error) {
	x.wake = at
	return script.Result{}, script.ErrParked
}

func (x *stepEffects) wait(ctx context.Context, c script.Call, duration string) (script.Result, error) {
	d, err := catalog.ParseDuration(duration)
	if err != nil || d > 24*time.Hour {
		return failed(errs.New(errs.Invalid, "wait(%q): write a duration of at most 24h, such as 30s", duration))
	}
	if x.run.DryRun {
		return script.Result{OK: true, Value: "dry run"}, nil
	}
	since, err := x.began(ctx, c.Seq)
	if err != nil {
		return script.Result{}, err
	}
	if due := since.Add(d); x.s.Now().Before(due) {
		return x.park(due)
	}
	return script.Result{OK: true, Value: d.String()}, nil
}

// watchEvery is how often a watched objective is looked at.
const watchEvery = 2 * time.Second

func (x *stepEffects) watch(ctx context.Context, c script.Call, calm, timeout string) (script.Result, error) {
	calmFor, err1 := catalog.ParseDuration(calm)
	limit, err2 := catalog.ParseDuration(timeout)
	if err1 != nil || err2 != nil || limit > time.Hour {
		return failed(errs.New(errs.Invalid, "watch(calm=%q, timeout=%q): write durations of at most 1h", calm, timeout))
	}
	since, err := x.began(ctx, c.Seq)
	if err != nil {
		return script.Result{}, err
	}
	now := x.s.Now()
	ok, burning := x.s.Calm(x.slos(ctx), calmFor, now)
	switch {
	case ok && (now.Sub(since) >= calmFor || x.run.DryRun):
		return script.Result{OK: true, Value: fmt.Sprintf("within the objectives for %s", calmFor)}, nil
	case now.Sub(since) >= limit || x.run.DryRun:
		return script.Result{Error: fmt.Sprintf("not within the objectives after %s: %s", limit, strings.Join(burning, "; "))}, nil
	}
	return x.park(now.Add(watchEvery))
}

// slos returns the objectives to watch: those of every alert of the incident, as far as they are known by now.
func (x *stepEffects) slos(ctx context.Context) []string {
	out := x.run.SLOs
	if x.s.Burning == nil {
		return out
	}
	if now, err := x.s.Burning(ctx, x.run.Group); err == nil && len(now) > 0 {
		return now
	}
	return out
}

func (x *stepEffects) approve(ctx context.Context, c script.Call, what string) (script.Result, error) {
	if x.run.DryRun {
		return script.Result{OK: true, Value: "dry run"}, nil
	}
	a, err := x.s.ask(ctx, x.run.ID, c.Seq, what)
	if err != nil {
		return script.Result{}, err
	}
	switch a.State {
	case Granted:
		return script.Result{OK: true, Value: map[string]any{"by": a.DecidedBy}}, nil
	case Denied:
		return script.Result{Error: "denied by " + a.DecidedBy + ": " + a.Reason}, nil
	case Expired:
		return script.Result{Error: "nobody decided before " + a.Deadline.UTC().Format("15:04:05") + " UTC"}, nil
	}
	return x.park(time.Time{})
}

func str(v any) string { s, _ := v.(string); return s }
