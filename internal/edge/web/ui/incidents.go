package ui

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

func (s *server) incidentsPage(r *http.Request) (view, error) {
	list, err := s.Respond.List(r.Context(), r.URL.Query().Get("open") == "1", 200)
	if err != nil {
		return view{}, err
	}
	return view{Title: "Incidents", Live: true, Body: incidentsBody(list, r.URL.Query().Get("open") == "1")}, nil
}

// runShown is a run with its journal as steps.
type runShown struct {
	remediate.Run
	Steps []step
	Asks  []asked
}

// roomData is everything that the incident room shows.
type roomData struct {
	respond.Incident
	Alerts    []detect.Alert
	Page      *page.Page
	Notes     []page.Notification
	Runs      []runShown
	Asks      []asked
	Facts     []event.Event
	Runbooks  []*catalog.Runbook
	Suggested string
	People    []string
	Command   commandData
	After     aftermath
	Window    window
	Charts    []chartOf
	Now       time.Time
}

// chartOf is a service whose rate, errors and duration are drawn, and why.
type chartOf struct {
	Service, Why string
	Sum          redSum
}

func (s *server) roomPage(r *http.Request) (view, error) {
	ctx, now := r.Context(), shellOf(r.Context()).Now
	i, err := s.Respond.Get(ctx, respond.ID(r.PathValue("id")))
	if err != nil {
		return view{}, err
	}
	d := roomData{Incident: i, Now: now}
	if d.Alerts, err = s.Detect.Alerts(ctx, i.Group, false); err != nil {
		return view{}, err
	}
	if d.Facts, err = s.Respond.Timeline(ctx, i.ID); err != nil {
		return view{}, err
	}
	if err := s.roomPageOf(ctx, &d); err != nil {
		return view{}, err
	}
	if err := s.roomRuns(ctx, &d); err != nil {
		return view{}, err
	}
	if err := s.roomCommand(ctx, &d); err != nil {
		return view{}, err
	}
	c := s.Catalog()
	for _, name := range sortedKeys(c.Runbooks) {
		if len(c.Runbooks[name].Blocks) > 0 {
			d.Runbooks = append(d.Runbooks, c.Runbooks[name])
		}
	}
	if i.Cause != nil {
		if rb := c.RunbookFor(i.Cause.Kind, i.Cause.Service); rb != nil {
			d.Suggested = rb.Name
		}
	}
	d.People = sortedKeys(c.People)
	if d.After, err = s.aftermath(ctx, i); err != nil {
		return view{}, err
	}
	s.roomCharts(&d)
	return view{Title: string(i.ID) + " " + i.Title, Live: true, Group: string(i.Group), Body: roomBody(d)}, nil
}

// roomPageOf finds the page of an incident; when it is resolved already, the facts know it.
func (s *server) roomPageOf(ctx context.Context, d *roomData) error {
	for k := len(d.Facts) - 1; k >= 0; k-- {
		if !strings.HasPrefix(d.Facts[k].Kind, "page.") {
			continue
		}
		p, ns, err := s.Page.Get(ctx, page.ID(d.Facts[k].Subject))
		if errs.Is(err, errs.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		slices.Reverse(ns)
		d.Page, d.Notes = &p, ns
		return nil
	}
	return nil
}

func (s *server) roomRuns(ctx context.Context, d *roomData) error {
	runs, err := s.Remediate.List(ctx, d.ID, 20)
	if err != nil {
		return err
	}
	for _, run := range runs {
		shown, err := s.runShown(ctx, run.ID)
		if err != nil {
			return err
		}
		d.Runs = append(d.Runs, shown)
		d.Asks = append(d.Asks, shown.Asks...)
	}
	return nil
}

// roomCharts draws the suspected cause and the service that burns, from a little before the onset on.
func (s *server) roomCharts(d *roomData) {
	onset := d.OnsetAt
	if onset.IsZero() {
		onset = d.OpenedAt
	}
	d.Window = window{From: onset.Add(-5 * time.Minute), To: d.Now, Fixed: true}
	if !d.Open() {
		d.Window.To = d.ResolvedAt.Add(5 * time.Minute)
	}
	if d.Window.To.Sub(d.Window.From) > time.Hour {
		d.Window.From = d.Window.To.Add(-time.Hour)
	}
	if d.Window.To.Before(d.Now) || !d.Open() {
		d.Window.To = minTime(d.Window.To, d.Now)
	}
	add := func(name, why string) {
		if name == "" || slices.ContainsFunc(d.Charts, func(c chartOf) bool { return c.Service == name }) {
			return
		}
		d.Charts = append(d.Charts, chartOf{name, why, s.redSum(name, d.Window)})
	}
	if d.Cause != nil {
		add(d.Cause.Service, "suspected cause")
	} else {
		add(d.Diagnosis.Top().Service, "first suspect")
	}
	add(d.Service, "burned first")
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// dataURL is where the room's charts get their points: while the incident is open the window ends now.
func (d roomData) dataURL(service string) string {
	if d.Open() {
		return link("/x/red/"+service, "last", d.Window.To.Sub(d.Window.From).Round(10*time.Second).String())
	}
	return redURL(service, d.Window)
}

// lead says what is being done, or how it ended.
func (d roomData) lead() string {
	if !d.Open() {
		return sentence(d.Reason)
	}
	b := burning{Incident: d.Incident, Page: d.Page}
	for k := range d.Runs {
		if !d.Runs[k].DryRun {
			b.Run = &d.Runs[k].Run
			break
		}
	}
	return b.doing()
}

// others returns the suspects that are not the named cause.
func (d roomData) others() []diagnose.Suspect {
	var out []diagnose.Suspect
	for _, s := range d.Diagnosis.Suspects {
		if d.Cause == nil || s.Service != d.Cause.Service || s.Kind != d.Cause.Kind {
			out = append(out, s)
		}
	}
	return out
}

// milestones are the times that people compare incidents by.
func (d roomData) milestones() []milestone {
	out := []milestone{{"first sign", d.OnsetAt}, {"alert", d.OpenedAt}, {"cause named", d.NamedAt}, {"acknowledged", d.AckedAt}}
	for k := len(d.Runs) - 1; k >= 0; k-- {
		if !d.Runs[k].DryRun {
			out = append(out, milestone{"runbook begins", d.Runs[k].StartedAt})
			break
		}
	}
	out = append(out, milestone{"resolved", d.ResolvedAt})
	out = slices.DeleteFunc(out, func(m milestone) bool { return m.At.IsZero() })
	slices.SortStableFunc(out, func(a, b milestone) int { return a.At.Compare(b.At) })
	return out
}

type milestone struct {
	Name string
	At   time.Time
}

// since writes how long after the first milestone another one was.
func since(ms []milestone, k int) string {
	if k == 0 {
		return ""
	}
	return "+" + stopwatch(ms[k].At.Sub(ms[0].At))
}

// factClass says whose a fact is, for the filter of the timeline.
func factClass(e event.Event) string {
	if isMachine(e.Actor) {
		return "machine"
	}
	return "people"
}

func (s *server) doNote(r *http.Request) (string, error) {
	id := respond.ID(r.PathValue("id"))
	return "/incidents/" + string(id) + "#timeline", s.Respond.Note(r.Context(), id, actorOf(r), r.PostForm.Get("text"), s.Now())
}

func (s *server) doCommand(r *http.Request) (string, error) {
	id, who := respond.ID(r.PathValue("id")), r.PostForm.Get("person")
	if who == "" {
		who = actorOf(r)
	}
	return "/incidents/" + string(id), s.Respond.Command(r.Context(), id, who, actorOf(r), s.Now())
}

func (s *server) doResolve(r *http.Request) (string, error) {
	id := respond.ID(r.PathValue("id"))
	_, err := s.Respond.Resolve(r.Context(), id, actorOf(r), r.PostForm.Get("reason"), s.Now())
	return "/incidents/" + string(id), err
}

func (s *server) doStartRun(r *http.Request) (string, error) {
	run, err := s.Remediate.Start(r.Context(), respond.ID(r.PathValue("id")), r.PostForm.Get("runbook"), r.PostForm.Get("dry") == "yes", actorOf(r), s.Now())
	if err != nil {
		return "", err
	}
	return "/runs/" + string(run.ID), nil
}

// actorOf returns the name that goes on the record.
func actorOf(r *http.Request) string { return shellOf(r.Context()).User.Name }

// confidenceWords explains a confidence.
func confidenceWords(c diagnose.Confidence) string {
	switch c {
	case diagnose.High:
		return "high confidence: clear of every other suspect"
	case diagnose.Medium:
		return "medium confidence: likely, not certain"
	case diagnose.Low:
		return "low confidence: hardly more than a guess"
	}
	return ""
}

func score(v float64) string { return fmt.Sprintf("%.2f", v) }

// versionWords says which version went wrong and what ran before.
func versionWords(c diagnose.Suspect) string {
	out := "Version " + c.Version + ", commit " + c.Commit
	if c.Author != "" {
		out += " by " + c.Author
	}
	if c.Previous != "" {
		out += "; before it ran " + c.Previous
	}
	return out + "."
}

// factText is a fact in words; what a person or a script wrote is left as it was written.
func factText(e event.Event) string {
	if e.Kind == respond.KindNoted || e.Kind == remediate.KindNoted {
		return e.Text
	}
	return sentence(e.Text)
}
