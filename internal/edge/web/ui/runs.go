package ui

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
)

// step is one entry of a run's journal in words.
type step struct {
	Seq    int
	What   string // http.post
	With   string // what it was called with, in one line
	Body   string // what was sent, in full
	Answer string // what came back, in full
	Site   string // where in the script
	State  string // done, failed, waiting, unknown, at work
	Error  string
	At     time.Time // when it was done, as far as the log knows
	Since  time.Time // when it began to wait
}

// tone and sign of a step.
func (s step) look() (tone, sign string) {
	switch s.State {
	case "done":
		return "plain", "ok"
	case "failed":
		return "plain", "fail"
	case "unknown":
		return "lamp", "ask"
	}
	return "lamp", "wait"
}

// runShown gathers a run with its steps and approvals.
func (s *server) runShown(ctx context.Context, id remediate.RunID) (runShown, error) {
	run, journal, approvals, err := s.Remediate.Get(ctx, id)
	if err != nil {
		return runShown{}, err
	}
	out := runShown{Run: run}
	facts, err := s.Events(ctx, event.Query{Subject: string(id), Limit: 2000})
	if err != nil {
		return out, err
	}
	done := map[int]time.Time{}
	for _, x := range run.Settled {
		if x.Happened {
			done[x.Seq] = x.At
		}
	}
	for _, e := range facts {
		if e.Kind != remediate.KindActed && e.Kind != remediate.KindNoted {
			continue
		}
		if a, err := event.Decode[remediate.Acted](e); err == nil {
			done[a.Seq] = e.At
		}
	}
	decided := map[int]time.Time{}
	for _, a := range approvals {
		out.Asks = append(out.Asks, asked{a, run})
		decided[a.Seq] = a.DecidedAt
	}
	slices.SortStableFunc(journal, func(a, b script.Entry) int { return a.Seq - b.Seq })
	for _, e := range journal {
		if e.Name == script.Now {
			continue
		}
		st := stepOf(e)
		if st.At = done[e.Seq]; st.At.IsZero() {
			st.At = decided[e.Seq]
		}
		st.Since = run.Since[e.Seq]
		out.Steps = append(out.Steps, st)
	}
	return out, nil
}

// mainArg is the argument that says most about a call.
var mainArg = []string{"text", "url", "service", "query", "duration", "calm"}

func stepOf(e script.Entry) step {
	st := step{Seq: e.Seq, What: e.Name, Site: e.Site, State: "at work"}
	if args, err := e.DecodeArgs(); err == nil {
		for _, k := range mainArg {
			if v, ok := args[k].(string); ok && v != "" {
				st.With = v
				if k == "url" {
					st.With = remediate.PlainURL(v)
				}
				delete(args, k)
				break
			}
		}
		st.Body = pretty(args)
	}
	switch e.State {
	case script.Waiting:
		st.State = "waiting"
	case script.Unknown:
		st.State = "unknown"
	case script.Done:
		st.State = "done"
		res, err := script.DecodeResult(e.Result)
		switch {
		case err != nil:
			st.State, st.Error = "failed", "the answer cannot be read"
		case !res.OK:
			st.State, st.Error = "failed", res.Error
			fallthrough
		default:
			if e.Name != script.Note {
				st.Answer = pretty(res.Value)
			}
		}
	}
	return st
}

// pretty writes a value as indented JSON, and nothing for nothing.
func pretty(v any) string {
	switch t := v.(type) {
	case nil:
		return ""
	case string:
		return t
	case map[string]any:
		if len(t) == 0 {
			return ""
		}
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return ""
	}
	const most = 8000
	if len(b) > most {
		return string(b[:most]) + "\n…"
	}
	return string(b)
}

func (s *server) runPage(r *http.Request) (view, error) {
	run, err := s.runShown(r.Context(), remediate.RunID(r.PathValue("id")))
	if err != nil {
		return view{}, err
	}
	i, err := s.Respond.Get(r.Context(), run.Incident)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return view{}, err
	}
	return view{Title: "Run of " + run.Runbook, Live: true, Group: string(run.Group), Body: runBody(run, i)}, nil
}

// lasted returns how long a run took so far.
func (r runShown) lasted(now time.Time) time.Duration {
	if r.EndedAt.IsZero() {
		return now.Sub(r.StartedAt)
	}
	return r.EndedAt.Sub(r.StartedAt)
}

// took writes how long after the start of its run a step was done.
func (r runShown) took(st step) string {
	if st.At.IsZero() {
		return ""
	}
	return "+" + stopwatch(st.At.Sub(r.StartedAt))
}

func (r runShown) source() string {
	out := ""
	for k, b := range r.Source.Blocks {
		if k > 0 {
			out += "\n"
		}
		out += b.Text
	}
	return out
}

func (s *server) doDecide(r *http.Request) (string, error) {
	seq, err := strconv.Atoi(r.PathValue("seq"))
	if err != nil {
		return "", errs.New(errs.NotFound, "there is no such approval")
	}
	var grant bool
	switch r.PostForm.Get("grant") {
	case "yes":
		grant = true
	case "no":
	default:
		return "", errs.New(errs.Invalid, "an approval is granted or denied: grant must be yes or no")
	}
	id := remediate.RunID(r.PathValue("id"))
	a, err := s.Remediate.Decide(r.Context(), id, seq, grant, actorOf(r), r.PostForm.Get("reason"), s.Now())
	if err != nil {
		return "", err
	}
	if grant && a.State != remediate.Granted {
		return "", errs.New(errs.Conflict, "the time to decide was over: the approval is %s", a.State)
	}
	if back := r.Header.Get("HX-Current-URL"); back != "" {
		return "", nil
	}
	return "/runs/" + string(id), nil
}

func (s *server) doSettle(r *http.Request) (string, error) {
	seq, err := strconv.Atoi(r.PathValue("seq"))
	if err != nil {
		return "", errs.New(errs.NotFound, "there is no such step")
	}
	turn, err := strconv.Atoi(r.PostForm.Get("turn"))
	if err != nil {
		return "", errs.New(errs.Invalid, "the form does not say which question it answers: turn must be a number")
	}
	a := remediate.Answer{Seq: seq, Turn: turn, Note: r.PostForm.Get("note")}
	switch r.PostForm.Get("happened") {
	case "yes":
		a.Happened = true
		a.Result = json.RawMessage(strings.TrimSpace(r.PostForm.Get("result")))
	case "no":
	default:
		return "", errs.New(errs.Invalid, "a step happened or did not: happened must be yes or no")
	}
	id := remediate.RunID(r.PathValue("id"))
	if _, err := s.Remediate.Settle(r.Context(), id, a, actorOf(r), s.Now()); err != nil {
		return "", err
	}
	return runPath(id), nil
}

// question is the step of a run that a person has to settle.
func (r runShown) question() (step, bool) {
	for _, st := range r.Steps {
		if st.State == "unknown" && r.State == remediate.Unknown {
			return st, true
		}
	}
	return step{}, false
}

func settlePath(id remediate.RunID, seq int) string {
	return runPath(id) + "/steps/" + strconv.Itoa(seq) + "/settle"
}

func runPath(id remediate.RunID) string { return "/runs/" + string(id) }

// incidentPath returns the path of an incident.
func incidentPath(id respond.ID) string { return "/incidents/" + string(id) }
