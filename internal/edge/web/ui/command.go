package ui

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/respond"
)

// commandData is who commands an incident, who is called, and how command is handed over.
type commandData struct {
	Call     *page.Page // that calls a commander
	Handoff  *respond.Handoff
	Ring     *page.Page // that calls the incoming commander
	Usual    []string   // roles that every incident may have
	Callable []string   // roles of the catalog
}

// roomCommand finds the calls and the newest handoff of an incident.
func (s *server) roomCommand(ctx context.Context, d *roomData) (err error) {
	c := &d.Command
	c.Usual, c.Callable = respond.Roles(s.Catalog())
	if d.Incident.Command.Calling != nil {
		if c.Call, err = s.livePage(ctx, detect.GroupID("command/"+string(d.ID))); err != nil {
			return err
		}
	}
	hs, err := s.Respond.Handoffs(ctx, d.ID, 1)
	if err != nil || len(hs) == 0 {
		return err
	}
	c.Handoff = &hs[0]
	if c.Handoff.State == respond.Due {
		c.Ring, err = s.livePage(ctx, detect.GroupID("handoff/"+string(c.Handoff.ID)))
	}
	return err
}

// livePage returns the page of a group that is not resolved, or nil.
func (s *server) livePage(ctx context.Context, g detect.GroupID) (*page.Page, error) {
	p, err := s.Page.Of(ctx, g)
	if errs.Is(err, errs.NotFound) {
		return nil, nil
	}
	return &p, err
}

// handoffLook returns tone, sign and word of a handoff.
func handoffLook(h respond.Handoff, now time.Time) (tone, sign, text string) {
	switch {
	case h.Overdue(now):
		return "burn", "warn", "late"
	case h.State == respond.Accepted:
		return "calm", "ok", "accepted"
	case h.State == respond.Due:
		return "lamp", "page", "due"
	case h.State == respond.Announced:
		return "lamp", "wait", "announced"
	}
	return "plain", "off", "ended"
}

// kindOf says whether a handoff needs a confirmation.
func kindOf(h respond.Handoff) string {
	if h.Synchronous {
		return "synchronous"
	}
	return "asynchronous"
}

// side is a commander with the region.
func side(person, region string) string {
	switch {
	case region == "":
		return person
	case person == "":
		return region
	}
	return person + ", " + region
}

// callingWords says who is called to command.
func callingWords(i respond.Incident) string {
	if i.Command.Calling == nil {
		return ""
	}
	if len(i.Command.Calling.People) == 0 {
		return "calling a commander"
	}
	return "calling " + strings.Join(i.Command.Calling.People, ", ")
}

func (s *server) doRole(r *http.Request) (string, error) {
	id := respond.ID(r.PathValue("id"))
	return "/incidents/" + string(id), s.Respond.Assign(r.Context(), id, r.PostForm.Get("role"), r.PostForm.Get("person"), actorOf(r), s.Now())
}

func (s *server) doCallRole(r *http.Request) (string, error) {
	id := respond.ID(r.PathValue("id"))
	return "/incidents/" + string(id), s.Respond.CallRole(r.Context(), id, r.PostForm.Get("role"), actorOf(r), s.Now())
}

func (s *server) doHandOver(r *http.Request) (string, error) {
	id := respond.ID(r.PathValue("id"))
	_, err := s.Respond.HandOver(r.Context(), id, r.PostForm.Get("person"), actorOf(r), s.Now())
	return "/incidents/" + string(id), err
}

// handoffAct is what a form of a handoff asks for; it leads back to the incident.
func (s *server) handoffAct(fn func(r *http.Request, id respond.HandoffID) error) actFunc {
	return func(r *http.Request) (string, error) {
		id := respond.HandoffID(r.PathValue("id"))
		h, err := s.Respond.HandoffOf(r.Context(), id)
		if err != nil {
			return "", err
		}
		return "/incidents/" + string(h.Incident) + "#handoff-title", fn(r, id)
	}
}

func (s *server) doAccept(r *http.Request, id respond.HandoffID) error {
	return s.Respond.Accept(r.Context(), id, actorOf(r), s.Now())
}

func (s *server) doEndHandoff(r *http.Request, id respond.HandoffID) error {
	return s.Respond.EndHandoff(r.Context(), id, actorOf(r), r.PostForm.Get("reason"), s.Now())
}

func (s *server) doDocument(r *http.Request, id respond.HandoffID) error {
	return s.Respond.EditDocument(r.Context(), id, r.PostForm.Get("questions"), r.PostForm.Get("next"), actorOf(r), s.Now())
}

func (s *server) doAsk(r *http.Request, id respond.HandoffID) error {
	return s.Respond.Ask(r.Context(), id, r.PostForm.Get("text"), actorOf(r), s.Now())
}

func (s *server) doReply(r *http.Request, id respond.HandoffID) error {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		return errs.New(errs.Invalid, "%.20q is not the number of a question", r.PathValue("n"))
	}
	return s.Respond.Reply(r.Context(), id, n, r.PostForm.Get("text"), r.PostForm.Get("already") == "yes", actorOf(r), s.Now())
}

// handoffsPage is every handoff and how well command is handed over.
func (s *server) handoffsPage(r *http.Request) (view, error) {
	hs, err := s.Respond.Handoffs(r.Context(), "", 1000)
	if err != nil {
		return view{}, err
	}
	now := shellOf(r.Context()).Now
	q := respond.Measure(hs, s.Catalog().Handoff(), now)
	return view{Title: "Handoffs", Live: true, Body: handoffsBody(hs[:min(len(hs), 200)], q, len(s.Catalog().Regions) > 0)}, nil
}

// regionShown is a region with its hours over a day.
type regionShown struct {
	respond.Watch
	Strip strip
	Hours string
	Moves []respond.Incident // open ones that it hands over
}

// regionsShown draws the hours of every region over the day of the reader, with the present moment.
func (s *server) regionsShown(ctx context.Context, now time.Time, zone *time.Location) ([]regionShown, error) {
	ws, err := s.Respond.Watches(ctx, now)
	if err != nil || len(ws) == 0 {
		return nil, err
	}
	open, err := s.Respond.List(ctx, true, 200)
	if err != nil {
		return nil, err
	}
	c, d := s.Catalog(), now.In(zone)
	from := time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, zone)
	to := from.AddDate(0, 0, 1)
	x := func(t time.Time) float64 { return 100 * float64(t.Sub(from)) / float64(to.Sub(from)) }
	var out []regionShown
	for k, w := range ws {
		r := c.Regions[w.Region]
		sh := regionShown{Watch: w, Strip: strip{Name: w.Title}, Hours: hoursWords(r)}
		for _, p := range r.Coverage.Between(from, to) {
			sh.Strip.Turns = append(sh.Strip.Turns, turn{Text: strings.Join(w.Chain[0].People, ", "), X: x(p[0]), W: x(p[1]) - x(p[0]), Hue: k % 4, Now: !now.Before(p[0]) && now.Before(p[1])})
		}
		if k == len(ws)-1 {
			for h := 0; h < 24; h += 6 {
				t := from.Add(time.Duration(h) * time.Hour)
				sh.Strip.Days = append(sh.Strip.Days, stripDay{x(t), t.In(zone).Format("15:04")})
			}
		}
		sh.Strip.At = x(now)
		for _, i := range open {
			if i.Command.Region == w.Region && i.Commander != "" {
				sh.Moves = append(sh.Moves, i)
			}
		}
		out = append(out, sh)
	}
	return out, nil
}

func hoursWords(r *catalog.Region) string {
	days := "every day"
	if len(r.Coverage.Days) > 0 {
		days = strings.Join(r.Coverage.Days, ", ")
	}
	return r.Coverage.From + " to " + r.Coverage.To + " " + r.TimeZone + ", " + days
}

// coverWords says until when a region commands, or when it does again.
func coverWords(ctx context.Context, w respond.Watch) string {
	next := w.Next
	if next == "" {
		next = "the global commander"
	}
	switch {
	case w.On && w.Edge.IsZero():
		return "on duty at all hours"
	case w.On:
		return "on duty until " + clock(ctx, w.Edge) + ", then " + next
	case w.Edge.IsZero():
		return "never on duty"
	}
	return "on duty again " + shift(ctx, w.Edge)
}

// commands returns who is called first in a region.
func commands(w respond.Watch) []string {
	for _, p := range w.Chain {
		if len(p.People) > 0 {
			return p.People
		}
	}
	return nil
}
