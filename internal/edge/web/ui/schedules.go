package ui

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

// stripDays is how far the calendar of a schedule looks ahead when nothing else is asked for, and how far it can.
const (
	stripDays = 14
	stripMost = 182 * 24 * time.Hour
)

// spread is what the calendars show: days from a midnight of the reader.
type spread struct {
	From time.Time
	Days int
}

// spreads are how many days a calendar can show.
var spreads = []option{{name: "Week", value: "7"}, {name: "2 weeks", value: "14"}, {name: "Month", value: "28"}}

// spreadOf reads which days the reader looks at; they begin today at the earliest.
func spreadOf(r *http.Request, now time.Time, zone *time.Location) spread {
	local := now.In(zone)
	v := spread{time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone), stripDays}
	for _, o := range spreads {
		if o.value == r.URL.Query().Get("days") {
			v.Days, _ = strconv.Atoi(o.value)
		}
	}
	if at, err := time.ParseInLocation(time.DateOnly, r.URL.Query().Get("from"), zone); err == nil && at.After(v.From) && at.Sub(now) < stripMost {
		v.From = at
	}
	return v
}

// to returns the midnight with which the last day ends.
func (v spread) to() time.Time { return v.From.AddDate(0, 0, v.Days) }

// path is where the calendars show as many days from another one on.
func (v spread) path(from time.Time) string {
	return link("/oncall", "days", strconv.Itoa(v.Days), "from", from.Format(time.DateOnly))
}

// turn is one bar of a strip, in per cent of its width.
type turn struct {
	Text     string
	Title    string // who, from when to when
	X, W     float64
	Hue      int // which of a few greys its people have
	Now      bool
	Override bool
	Gap      bool
	Asked    bool // somebody asks for cover
}

// strip is one row of a calendar.
type strip struct {
	Name  string
	Turns []turn
	Days  []stripDay // only the last row has them

	Form   string   // the id of the form that is opened by drawing over the row; empty: none
	Starts []string // where each day of the row begins, as clocks of the reader show it, and the end of the last
	At     float64  // where the present moment is drawn; 0 draws none
}

// stripDay is a day line in a strip.
type stripDay struct {
	X    float64
	Text string
}

// rosterShown is a schedule with its next two weeks.
type rosterShown struct {
	duty
	Zone      string
	Strips    []strip
	List      []rota.Shift
	Gaps      []rota.Span
	Overrides []rota.Override // that are not over
	Covers    []rota.Cover
	Swaps     []rota.Stint // shifts that can be swapped
	Asked     []rota.Swap  // that wait for an answer
	Force     bool         // the reader may make a swap without asking
	Calendar  string
}

// plans returns all schedules as they are from now on.
func (s *server) plans(ctx context.Context, now time.Time) ([]page.Plan, error) {
	return s.Page.Plans(ctx, now, now.Add(rota.Ahead))
}

// duties says who is on call on each schedule.
func duties(ps []page.Plan, now time.Time) []duty {
	var out []duty
	for _, p := range ps {
		d := duty{Schedule: p.Schedule}
		if p.Rota == nil {
			d.Problem = "the schedule cannot be read"
		} else if d.Now = p.Rota.At(now); !d.Now.To.IsZero() {
			d.Next = p.Rota.At(d.Now.To)
		}
		out = append(out, d)
	}
	return out
}

// onCall says who is on call, by schedule.
func onCall(ps []page.Plan, now time.Time) map[string]string {
	out := map[string]string{}
	for _, d := range duties(ps, now) {
		out[d.Schedule.Name] = strings.Join(d.Now.People(), ", ")
	}
	return out
}

func (s *server) roster(ctx context.Context, p page.Plan, d duty, look spread, now time.Time) (rosterShown, error) {
	out := rosterShown{duty: d, Zone: p.Schedule.TimeZone, Covers: p.Covers}
	if p.Rota == nil {
		return out, nil
	}
	from, to := look.From, look.to()
	b := bars{from: from, to: to, now: now, people: p.Schedule.People()}
	if tracks := p.Rota.Tracks(from, to); len(tracks) > 1 {
		for i := len(tracks) - 1; i >= 0; i-- { // what stands above is drawn above
			out.Strips = append(out.Strips, strip{Name: tracks[i].Name, Turns: b.shifts(tracks[i].Shifts)})
		}
	}
	if ov := b.overrides(p); len(ov) > 0 {
		out.Strips = append([]strip{{Name: "overrides and cover", Turns: ov}}, out.Strips...)
	}
	final := strip{Name: "on call", Turns: b.shifts(p.Rota.Between(from, to))}
	if shellOf(ctx).User.CanAct() {
		final.Form = "override-" + p.Schedule.Name
	}
	for k := range look.Days + 1 {
		final.Starts = append(final.Starts, fmt.Sprintf("%.4f@%s", b.x(from.AddDate(0, 0, k)), from.AddDate(0, 0, k).Format("2006-01-02")))
	}
	every := max(look.Days/7, 1)
	for k := range look.Days / every {
		at := from.AddDate(0, 0, every*k)
		final.Days = append(final.Days, stripDay{b.x(at), at.Format("Mon 2")})
	}
	out.Strips = append(out.Strips, final)
	for _, sh := range p.Rota.Between(now, now.AddDate(0, 0, stripDays)) {
		if (sh.To.IsZero() || sh.To.After(now)) && len(out.List) < 6 {
			out.List = append(out.List, sh)
		}
	}
	out.Gaps = p.Rota.Gaps(now, now.Add(rota.Ahead))
	for _, o := range p.Overrides {
		if o.End().After(now) || o.To.After(now) {
			out.Overrides = append(out.Overrides, o)
		}
	}
	for _, st := range p.Rota.Stints("", now, now.AddDate(0, 0, 62)) {
		if !st.To.IsZero() && len(out.Swaps) < 60 {
			out.Swaps = append(out.Swaps, st)
		}
	}
	swaps, err := s.Page.Swaps(ctx, now)
	if err != nil {
		return out, err
	}
	for _, sw := range swaps {
		if sw.State == rota.SwapAsked && sw.On(p.Schedule.Name) && sw.Over().After(now) {
			out.Asked = append(out.Asked, sw)
		}
	}
	u := shellOf(ctx).User
	out.Force = u.Role == Admin || s.Page.MayForceSwap(p.Schedule.Name, u.Name)
	out.Calendar, err = s.Page.FeedURL(ctx, page.Feed{Kind: "schedule", Name: p.Schedule.Name})
	return out, err
}

// bars draws times in a strip.
type bars struct {
	from, to, now time.Time
	people        []string
}

func (b bars) x(t time.Time) float64 { return 100 * float64(t.Sub(b.from)) / float64(b.to.Sub(b.from)) }

func (b bars) bar(from, to time.Time, people []string) turn {
	whole := [2]time.Time{from, to}
	if from.IsZero() || from.Before(b.from) {
		from = b.from
	}
	if to.IsZero() || to.After(b.to) {
		to = b.to
	}
	t := turn{Text: strings.Join(people, ", "), X: b.x(from), W: b.x(to) - b.x(from), Now: !b.now.Before(from) && b.now.Before(to)}
	t.Title = "nobody"
	if len(people) > 0 {
		t.Title = t.Text
		t.Hue = max(slices.Index(b.people, people[0]), 0) % 4
	}
	for k, word := range []string{" from ", " to "} {
		if at := whole[k]; !at.IsZero() {
			t.Title += word + at.In(b.from.Location()).Format("Mon 2 Jan 15:04")
		}
	}
	return t
}

func (b bars) shifts(ss []rota.Shift) []turn {
	var out []turn
	for _, sh := range ss {
		t := b.bar(sh.From, sh.To, sh.People())
		t.Gap = len(sh.Duties) == 0
		t.Override = standIn(sh)
		out = append(out, t)
	}
	return out
}

// overrides draws what people and the catalog put above the layers, and what is asked for.
func (b bars) overrides(p page.Plan) []turn {
	var out []turn
	add := func(from, to time.Time, people []string, asked bool) {
		if from.Before(b.to) && to.After(b.from) && to.After(from) {
			t := b.bar(from, to, people)
			t.Override, t.Asked = !asked, asked
			out = append(out, t)
		}
	}
	loc, err := p.Schedule.Zone("")
	for _, o := range p.Schedule.Overrides {
		from, err1 := o.From.In(loc)
		to, err2 := o.To.In(loc)
		if err == nil && err1 == nil && err2 == nil {
			add(from, to, o.Crew(), false)
		}
	}
	for _, o := range p.Overrides {
		add(o.From, o.End(), o.People, false)
	}
	for _, c := range p.Covers {
		add(c.From, c.To, []string{c.Person + "?"}, true)
	}
	return out
}

func standIn(sh rota.Shift) bool {
	return slices.ContainsFunc(sh.Duties, func(d rota.Duty) bool { return d.Override != "" })
}

// dutyWords says why somebody is on call.
func dutyWords(sh rota.Shift) string {
	var out []string
	for _, d := range sh.Duties {
		text := d.Layer
		if d.Override != "" {
			text = "instead of the rotation"
			if d.Instead != "" {
				text = "instead of " + d.Instead
			}
			if d.Reason != "" {
				text += ": " + d.Reason
			}
		}
		if text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, "; ")
}

// spanWords says from when to when.
func spanWords(ctx context.Context, from, to time.Time) string {
	if to.IsZero() {
		return "from " + shift(ctx, from)
	}
	if from.IsZero() {
		return "until " + shift(ctx, to)
	}
	return shift(ctx, from) + " to " + shift(ctx, to)
}

// spanThere says the same by the clocks of a schedule's zone, with the day only where it is another one there; empty when
// they show what the reader's do.
func spanThere(ctx context.Context, from, to time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "" {
		return ""
	}
	differs, parts := false, []string{}
	for _, t := range []time.Time{from, to} {
		if t.IsZero() {
			continue
		}
		here, there := t.In(shellOf(ctx).Zone), t.In(loc)
		differs = differs || here.Format("2 15:04") != there.Format("2 15:04")
		layout := "15:04"
		if here.Day() != there.Day() {
			layout = "Mon 2 Jan 15:04"
		}
		parts = append(parts, there.Format(layout))
	}
	if !differs {
		return ""
	}
	return strings.Join(parts, " to ") + " in " + zone
}

// rosterNote names the zone of a schedule, and the reader's where clocks differ.
func rosterNote(ctx context.Context, ro rosterShown) string {
	sh := shellOf(ctx)
	if spanThere(ctx, sh.Now, time.Time{}, ro.Zone) == "" {
		return ro.Zone
	}
	return ro.Zone + "; times are shown in " + sh.Zone.String()
}

// gapWords says when nobody is on call.
func gapWords(ctx context.Context, gs []rota.Span) string {
	text := "Nobody is on call from " + shift(ctx, gs[0].From) + " to " + shift(ctx, gs[0].To)
	if len(gs) > 1 {
		text += fmt.Sprintf(", and %s within 90 days", plural(len(gs)-1, "more time", "more times"))
	}
	return text + ". The escalation policy passes such a step over."
}

// formTime reads a time that a form sends, in the zone that the reader sees.
func formTime(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	v := r.PostForm.Get(name)
	if v == "" {
		return otherwise, nil
	}
	return catalog.Time(v).In(shellOf(r.Context()).Zone)
}

// formSpan reads when something is from a form; it begins now when nothing is said.
func (s *server) formSpan(r *http.Request) (from, to time.Time, err error) {
	if from, err = formTime(r, "from", s.Now()); err == nil {
		to, err = formTime(r, "to", time.Time{})
	}
	if err != nil || to.IsZero() {
		return from, to, errs.New(errs.Invalid, "say from when to when")
	}
	return from, to, nil
}

// formPeople reads names that are divided by commas.
func formPeople(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
}

func (s *server) doOverride(r *http.Request) (string, error) {
	from, to, err := s.formSpan(r)
	if err != nil {
		return "", err
	}
	o := rota.Override{Schedule: r.PathValue("schedule"), People: formPeople(r.PostForm.Get("people")), Instead: strings.TrimSpace(r.PostForm.Get("instead")), From: from, To: to, Reason: strings.TrimSpace(r.PostForm.Get("reason"))}
	_, err = s.Page.MakeOverride(r.Context(), o, actorOf(r), s.Now())
	return "/oncall", err
}

func (s *server) doCancelOverride(r *http.Request) (string, error) {
	_, err := s.Page.CancelOverride(r.Context(), r.PathValue("id"), actorOf(r), s.Now())
	return "/oncall", err
}

func (s *server) doCover(r *http.Request) (string, error) {
	from, to, err := s.formSpan(r)
	if err != nil {
		return "", err
	}
	person := strings.TrimSpace(r.PostForm.Get("person"))
	if person == "" {
		person = actorOf(r)
	}
	c := rota.Cover{Schedule: r.PathValue("schedule"), Person: person, From: from, To: to, Reason: strings.TrimSpace(r.PostForm.Get("reason"))}
	_, err = s.Page.AskCover(r.Context(), c, actorOf(r), s.Now())
	return "/oncall", err
}

func (s *server) doTakeCover(r *http.Request) (string, error) {
	_, err := s.Page.TakeCover(r.Context(), r.PathValue("id"), actorOf(r), actorOf(r), s.Now())
	return "/oncall", err
}

func (s *server) doCancelCover(r *http.Request) (string, error) {
	_, err := s.Page.CancelCover(r.Context(), r.PathValue("id"), actorOf(r), s.Now())
	return "/oncall", err
}

func (s *server) doSwap(r *http.Request) (string, error) {
	a, err := readHalf(r.PathValue("schedule"), r.PostForm.Get("a"))
	if err != nil {
		return "", err
	}
	b, err := readHalf(r.PathValue("schedule"), r.PostForm.Get("b"))
	if err != nil {
		return "", err
	}
	reason, u := strings.TrimSpace(r.PostForm.Get("reason")), shellOf(r.Context()).User
	if r.PostForm.Get("force") != "" {
		_, err = s.Page.ForceSwap(r.Context(), a, b, reason, u.Name, u.Role == Admin, s.Now())
		return "/oncall", err
	}
	_, err = s.Page.AskSwap(r.Context(), a, b, reason, u.Name, s.Now())
	return "/oncall", err
}

func (s *server) doTakeSwap(r *http.Request) (string, error) {
	_, err := s.Page.AnswerSwap(r.Context(), r.PathValue("id"), true, "", actorOf(r), s.Now())
	return "/oncall", err
}

func (s *server) doRefuseSwap(r *http.Request) (string, error) {
	_, err := s.Page.AnswerSwap(r.Context(), r.PathValue("id"), false, strings.TrimSpace(r.PostForm.Get("reason")), actorOf(r), s.Now())
	return "/oncall", err
}

func (s *server) doCancelSwap(r *http.Request) (string, error) {
	_, err := s.Page.CancelSwap(r.Context(), r.PathValue("id"), actorOf(r), s.Now())
	return "/oncall", err
}

// halfValue writes a shift as the value of a choice.
func halfValue(st rota.Stint) string {
	return strconv.FormatInt(st.From.Unix(), 10) + " " + strconv.FormatInt(st.To.Unix(), 10) + " " + st.Person
}

func readHalf(schedule, v string) (rota.Half, error) {
	f := strings.SplitN(v, " ", 3)
	if len(f) != 3 {
		return rota.Half{}, errs.New(errs.Invalid, "choose two shifts")
	}
	from, err1 := strconv.ParseInt(f[0], 10, 64)
	to, err2 := strconv.ParseInt(f[1], 10, 64)
	if err1 != nil || err2 != nil {
		return rota.Half{}, errs.New(errs.Invalid, "choose two shifts")
	}
	return rota.Half{Schedule: schedule, Person: f[2], From: time.Unix(from, 0), To: time.Unix(to, 0)}, nil
}

// personData is one person: shifts, what they were told, and their calendar.
type personData struct {
	*catalog.Person
	Me       bool
	Shifts   []rota.Stint
	Notices  []page.Notice
	Calendar string         // only for the person and administrators
	Contacts []page.Reached // only for them too
	Devices  []page.Device
	PushKey  string
	Schedule map[string]*catalog.Schedule
	Now      time.Time
}

func (s *server) personPage(r *http.Request) (view, error) {
	ctx, sh := r.Context(), shellOf(r.Context())
	p := s.Catalog().People[r.PathValue("name")]
	if p == nil {
		return view{}, errs.New(errs.NotFound, "there is no person %q in the catalog", r.PathValue("name"))
	}
	d := personData{Person: p, Me: p.Name == sh.User.Name, Schedule: s.Catalog().Schedules, Now: sh.Now}
	var err error
	if d.Shifts, err = s.Page.Stints(ctx, p.Name, sh.Now, 12, 400*24*time.Hour); err != nil {
		return view{}, err
	}
	d.Shifts = d.Shifts[:min(len(d.Shifts), 20)]
	ns, err := s.Page.Notices(ctx, p.Name)
	if err != nil {
		return view{}, err
	}
	for _, n := range ns {
		if n.Channel == "inbox" && len(d.Notices) < 12 {
			d.Notices = append(d.Notices, n)
		}
	}
	if d.Me || sh.User.Role == Admin {
		if d.Calendar, err = s.Page.FeedURL(ctx, page.Feed{Kind: "person", Name: p.Name}); err != nil {
			return view{}, err
		}
		if d.Contacts, err = s.Page.Reached(ctx, p.Name); err != nil {
			return view{}, err
		}
		if d.Devices, err = s.Page.Devices(ctx, p.Name); err != nil {
			return view{}, err
		}
	}
	if d.Me {
		d.PushKey = s.PushKey
	}
	return view{Title: p.Title(), Live: true, Body: personBody(d)}, nil
}

// mine refuses what only a person and administrators do.
func mine(r *http.Request) (name string, err error) {
	name = r.PathValue("name")
	if u := shellOf(r.Context()).User; u.Name != name && u.Role != Admin {
		return name, errs.New(errs.Denied, "only %s and administrators do that", name)
	}
	return name, nil
}

// doTestContact sends a test message by one channel; what became of it is on the page.
func (s *server) doTestContact(r *http.Request) (string, error) {
	name, err := mine(r)
	if err == nil {
		_, err = s.Page.CheckBy(r.Context(), actorOf(r), r.PostForm.Get("channel"), name)
	}
	return "/people/" + name, err
}

func (s *server) doDropDevice(r *http.Request) (string, error) {
	name, err := mine(r)
	if err == nil {
		err = s.Page.RemoveDevice(r.Context(), name, r.PostForm.Get("endpoint"), actorOf(r), s.Now())
	}
	return "/people/" + name, err
}

func (s *server) doRenewCalendar(r *http.Request) (string, error) {
	name, u := r.PathValue("name"), shellOf(r.Context()).User
	if u.Name != name && u.Role != Admin {
		return "", errs.New(errs.Denied, "only %s and administrators change that address", name)
	}
	_, err := s.Page.NewFeedURL(r.Context(), page.Feed{Kind: "person", Name: name}, u.Name, s.Now())
	return "/people/" + name, err
}

func (s *server) doRenewScheduleCalendar(r *http.Request) (string, error) {
	_, err := s.Page.NewFeedURL(r.Context(), page.Feed{Kind: "schedule", Name: r.PathValue("schedule")}, actorOf(r), s.Now())
	return "/oncall", err
}

// calendar answers with a calendar for whoever knows its address.
func (s *server) calendar(w http.ResponseWriter, r *http.Request) {
	b, err := s.Page.Calendar(r.Context(), r.PathValue("token"), s.Now())
	if err != nil {
		status := statusOf(err)
		if status == http.StatusInternalServerError {
			s.Log.Error("calendar failed", "error", err)
		}
		http.Error(w, errs.Message(err), status)
		return
	}
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	w.Header().Set("Content-Disposition", `inline; filename="oncall.ics"`)
	w.Header().Set("Cache-Control", "private, max-age=300")
	if _, err := w.Write(b); err != nil && r.Context().Err() == nil {
		s.Log.Warn("write a calendar", "error", err)
	}
}
