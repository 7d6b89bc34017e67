package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options of a demo. Self is the command that runs this program.
type Options struct {
	Self     []string
	Scenario string
	Headless bool          // play without a person, then end
	JSON     bool          // print the result as one JSON object
	Approve  bool          // answer approvals with yes
	Prove    bool          // run the proposed experiment after the incident
	For      time.Duration // how long scenario none lasts
	Warmup   time.Duration // healthy time before the fault; default 45 s
	DataDir  string        // default a temporary directory
	HTTPAddr string
	ShopAddr string
	Database string // postgres://…; default SQLite
	Out      io.Writer
	Log      io.Writer // what the two processes print; default a file in DataDir
}

// Result is what a headless demo prints last.
type Result struct {
	Scenario        string           `json:"scenario"`
	ServicesSeen    int              `json:"services_seen"`
	FaultInjectedAt *time.Time       `json:"fault_injected_at"`
	DetectedAt      *time.Time       `json:"detected_at"`
	Paged           []string         `json:"paged"`
	Incidents       []IncidentResult `json:"incidents"`
	ResolvedAt      *time.Time       `json:"resolved_at"`
	MTTD            *float64         `json:"mttd_seconds"` // fault to detection
	MTTR            *float64         `json:"mttr_seconds"` // detection to resolution
	Postmortem      string           `json:"postmortem"`
	Experiment      string           `json:"experiment"`
}

// IncidentResult is one incident of a Result.
type IncidentResult struct {
	ID               string   `json:"id"`
	Severity         string   `json:"severity"`
	Status           string   `json:"status"`
	CauseService     string   `json:"cause_service"`
	CauseKind        string   `json:"cause_kind"`
	AffectedServices []string `json:"affected_services"`
	LostRequests     int64    `json:"lost_requests"`
	EstimatedRevenue float64  `json:"estimated_revenue"`
	Runbook          string   `json:"runbook"`
	RunbookOutcome   string   `json:"runbook_outcome"`
	TimelineEntries  int      `json:"timeline_entries"`
}

// ErrNotResolved says that the story ended with an incident that is not resolved, or without the one it is about.
var ErrNotResolved = errors.New("the incident did not end resolved")

// player is one demo under way.
type player struct {
	opts    Options
	story   story
	nk      api
	shop    api
	server  *process
	fleet   *process
	faultID string
	cursor  int64
	paged   []string
	started time.Time // fault injected
	acked   map[string]bool
}

// Scenarios returns the names of all scenarios.
func Scenarios() []string { return slices.Sorted(maps.Keys(stories)) }

// Run plays a scenario and returns its result. In a demo with a person it goes on until ctx ends.
func Run(ctx context.Context, o Options) (Result, error) {
	st, ok := stories[o.Scenario]
	if !ok {
		return Result{}, fmt.Errorf("there is no scenario %q; the scenarios are %s", o.Scenario, strings.Join(Scenarios(), ", "))
	}
	if o.Warmup == 0 {
		o.Warmup = 45 * time.Second
	}
	if o.For == 0 {
		o.For = 6 * time.Minute
	}
	if o.DataDir == "" {
		dir, err := os.MkdirTemp("", "nightkeeper-demo-")
		if err != nil {
			return Result{}, fmt.Errorf("data directory: %w", err)
		}
		defer os.RemoveAll(dir)
		o.DataDir = dir
	}
	p := &player{opts: o, story: st, acked: map[string]bool{}}
	defer p.stop()
	if err := p.start(ctx); err != nil {
		return Result{Scenario: o.Scenario, Paged: []string{}, Incidents: []IncidentResult{}}, err
	}
	err := p.play(ctx)
	if ctx.Err() != nil && !o.Headless {
		p.say("Goodbye.")
		return Result{Scenario: o.Scenario}, nil
	}
	res, rerr := p.result(context.WithoutCancel(ctx))
	if !o.Headless && ctx.Err() == nil {
		p.say("The story is over. Look around at %s; Ctrl-C ends the demo.", p.nk.base)
		<-ctx.Done()
	}
	return res, errors.Join(err, rerr)
}

func (p *player) say(format string, args ...any) {
	if p.opts.Out != nil {
		fmt.Fprintf(p.opts.Out, "%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
	}
}

// start brings both processes up and waits until the whole fleet has been seen.
func (p *player) start(ctx context.Context) error {
	o := p.opts
	addr := map[string]string{"http": o.HTTPAddr, "grpc": "", "otlp": "", "shop": o.ShopAddr}
	if !o.Headless {
		addr["http"], addr["shop"] = or(o.HTTPAddr, "127.0.0.1:7777"), or(o.ShopAddr, "127.0.0.1:7070")
	}
	for k, want := range addr {
		got, err := freeAddr(want)
		if err != nil {
			return err
		}
		addr[k] = got
	}
	data, cat := filepath.Join(o.DataDir, "data"), filepath.Join(o.DataDir, "catalog")
	if err := os.MkdirAll(cat, 0o755); err != nil {
		return fmt.Errorf("catalog directory: %w", err)
	}
	if err := WriteCatalog(cat, "http://"+addr["shop"]); err != nil {
		return err
	}
	out := o.Log
	if out == nil {
		f, err := os.OpenFile(filepath.Join(o.DataDir, "demo.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("log file: %w", err)
		}
		defer f.Close()
		out = f
	}
	serve := append(slices.Clone(o.Self), "serve", "--data", data, "--catalog", cat, "--http", addr["http"], "--otlp-grpc", addr["grpc"],
		"--otlp-http", addr["otlp"], "--allow-outgoing", "127.0.0.1")
	if o.Database != "" {
		serve = append(serve, "--database-url", o.Database)
	}
	p.server = &process{name: "nightkeeper", argv: serve, env: os.Environ(), out: out}
	p.fleet = &process{name: "shop", argv: append(slices.Clone(o.Self), "shop", "--admin", addr["shop"], "--otlp", addr["grpc"]), env: os.Environ(), out: out}
	p.nk.base, p.shop.base = "http://"+addr["http"], "http://"+addr["shop"]
	p.say("Starting Nightkeeper and the shop; data in %s", o.DataDir)
	for _, c := range []*process{p.server, p.fleet} {
		if err := c.start(ctx); err != nil {
			return err
		}
	}
	if err := p.await(ctx, 90*time.Second, "nightkeeper to be ready", func() bool { return p.nk.call(ctx, "GET", "/readyz", nil, nil) == nil }); err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(data, "cli-token"))
	if err != nil {
		return fmt.Errorf("token of the command line: %w", err)
	}
	p.nk.token = strings.TrimSpace(string(token))
	p.welcome(data)
	return p.await(ctx, 60*time.Second, "47 services to be seen", func() bool {
		var s status
		return p.nk.call(ctx, "GET", "/api/v1/status", nil, &s) == nil && s.Services >= 47
	})
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (p *player) welcome(data string) {
	if p.opts.Headless {
		return
	}
	p.say("Open %s", p.nk.base)
	if b, err := os.ReadFile(filepath.Join(data, "first-password")); err == nil {
		p.say("Sign in as admin with the password %s", strings.TrimSpace(string(b)))
	}
}

func (p *player) stop() {
	for _, c := range []*process{p.fleet, p.server} {
		if c != nil {
			c.stop()
		}
	}
}

// await looks until ok, or until the time is over.
func (p *player) await(ctx context.Context, limit time.Duration, what string, ok func() bool) error {
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s for %s; see %s", limit, what, filepath.Join(p.opts.DataDir, "demo.log"))
		}
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// play lets the story happen.
func (p *player) play(ctx context.Context) error {
	if p.opts.Scenario == "none" {
		p.say("Nothing is played. Break something: curl -X POST %s/faults -d '{\"service\":\"search-api\",\"kind\":\"slow\",\"latency\":\"800ms\"}'", p.shop.base)
		return p.watch(ctx, p.opts.For, func() bool { return false })
	}
	p.say("47 services are healthy; the story begins in %s", p.opts.Warmup)
	if err := p.watch(ctx, p.opts.Warmup, func() bool { return false }); err != nil {
		return err
	}
	if err := p.strike(ctx); err != nil {
		return err
	}
	if err := p.watch(ctx, p.story.limit, func() bool { return p.over(ctx) }); err != nil {
		return err
	}
	if p.opts.Prove {
		return p.prove(ctx)
	}
	return nil
}

// strike reports the deploy, when there is one, and injects the fault.
func (p *player) strike(ctx context.Context) error {
	if p.story.deploy != nil {
		if err := p.nk.call(ctx, "POST", "/api/v1/deploys", p.story.deploy, nil); err != nil {
			return fmt.Errorf("report the deploy: %w", err)
		}
	}
	var f struct {
		ID string `json:"id"`
	}
	if err := p.shop.call(ctx, "POST", "/faults", p.story.fault, &f); err != nil {
		return fmt.Errorf("inject the fault: %w", err)
	}
	p.faultID, p.started = f.ID, time.Now()
	p.say("FAULT: %s", p.story.opening)
	return nil
}

// watch follows the log of facts until done, or for at most d, and plays the people's part.
func (p *player) watch(ctx context.Context, d time.Duration, done func() bool) error {
	deadline := time.Now().Add(d)
	for time.Now().Before(deadline) {
		p.follow(ctx)
		p.people(ctx)
		if done() {
			p.follow(ctx)
			return nil
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// follow prints new facts. Nightkeeper may be away for a moment: the next turn catches up.
func (p *player) follow(ctx context.Context) {
	var facts []fact
	if p.nk.call(ctx, "GET", fmt.Sprintf("/api/v1/events?after=%d&limit=1000", p.cursor), nil, &facts) != nil {
		return
	}
	for _, f := range facts {
		p.cursor = f.Seq
		p.say("%-20s %s", f.Kind, firstLine(f.Text))
		if f.Kind == "page.escalated" || f.Kind == "page.notified" {
			var d struct {
				Notification struct {
					Person   string `json:"person"`
					Delivery string `json:"delivery"`
				} `json:"notification"`
			}
			if json.Unmarshal(f.Data, &d) == nil && d.Notification.Delivery == "sent" && !slices.Contains(p.paged, d.Notification.Person) {
				p.paged = append(p.paged, d.Notification.Person)
			}
		}
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}

// people does what the people of the story do: approve when told to, and repair what only a person may.
func (p *player) people(ctx context.Context) {
	if p.opts.Approve {
		var as []approval
		if p.nk.call(ctx, "GET", "/api/v1/approvals", nil, &as) == nil {
			for _, a := range as {
				err := p.nk.call(ctx, "POST", fmt.Sprintf("/api/v1/runs/%s/approvals/%d", a.Run, a.Seq), map[string]any{"grant": true, "reason": "approved by --approve"}, nil)
				if err == nil {
					p.say("APPROVED: %s", a.Text)
				}
			}
		}
	}
	if !p.story.repair || p.started.IsZero() {
		return
	}
	var pages []page
	if p.nk.call(ctx, "GET", "/api/v1/pages", nil, &pages) != nil {
		return
	}
	for _, pg := range pages {
		if p.opts.Headless && pg.State == "open" && len(pg.Told) > 0 {
			if p.nk.call(ctx, "POST", "/api/v1/pages/"+pg.ID+"/ack", nil, nil) == nil {
				p.say("the demo acknowledges the page in the place of %s", pg.Told[0])
			}
		}
		if pg.State == "acked" && !p.acked[pg.ID] {
			if err := p.shop.call(ctx, "DELETE", "/faults/"+p.faultID, nil, nil); err == nil {
				p.acked[pg.ID] = true
				p.say("a person restores the damaged rows from a copy")
			}
		}
	}
}

// over reports whether nothing more will happen: every incident is resolved and written up, or nobody will act any more.
func (p *player) over(ctx context.Context) bool {
	var is []incident
	if p.nk.call(ctx, "GET", "/api/v1/incidents", nil, &is) != nil || len(is) == 0 {
		return false
	}
	for _, i := range is {
		if i.Status != "resolved" {
			return p.abandoned(ctx, i)
		}
		if time.Since(i.ResolvedAt) < 5*time.Second {
			return false // a relapse and the write-up show within seconds
		}
	}
	return true
}

// abandoned reports whether an approval ran out and the page has escalated past the first person.
func (p *player) abandoned(ctx context.Context, i incident) bool {
	if p.opts.Approve || !p.opts.Headless || p.story.deploy == nil {
		return false
	}
	var rs []run
	if p.nk.call(ctx, "GET", "/api/v1/runs?incident="+i.ID, nil, &rs) != nil || len(rs) == 0 {
		return false
	}
	return rs[0].State == "escalated" && len(p.paged) > 1
}

// prove ends the story's fault and runs the experiment that was proposed.
func (p *player) prove(ctx context.Context) error {
	if err := p.shop.call(ctx, "DELETE", "/faults", nil, nil); err != nil {
		return fmt.Errorf("end the fault: %w", err)
	}
	var xs []experiment
	if err := p.nk.call(ctx, "GET", "/api/v1/experiments?proposed=true", nil, &xs); err != nil || len(xs) == 0 {
		return errors.Join(errors.New("no experiment was proposed"), err)
	}
	if err := p.watch(ctx, 30*time.Second, func() bool { return false }); err != nil {
		return err
	}
	var r struct {
		ID    string `json:"id"`
		State string `json:"state"`
	}
	if err := p.nk.call(ctx, "POST", "/api/v1/experiments/"+xs[0].Name+"/start", map[string]any{}, &r); err != nil {
		return fmt.Errorf("start the experiment: %w", err)
	}
	return p.watch(ctx, 5*time.Minute, func() bool {
		return p.nk.call(ctx, "GET", "/api/v1/experiment-runs/"+r.ID, nil, &r) == nil && (r.State == "passed" || r.State == "failed" || r.State == "aborted")
	})
}
