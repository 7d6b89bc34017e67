package api

import (
	"context"
	"net/http"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

// ScheduleView is a schedule between two times.
type ScheduleView struct {
	Schedule  string          `json:"schedule"`
	Title     string          `json:"title"`
	TimeZone  string          `json:"time_zone"`
	Shifts    []rota.Shift    `json:"shifts" doc:"without holes: a shift without duties is a gap"`
	Gaps      []rota.Span     `json:"gaps"`
	Layers    []rota.Track    `json:"layers" doc:"what each layer says by itself, the lowest first"`
	Overrides []rota.Override `json:"overrides" doc:"made by people, cancelled ones too"`
	Covers    []rota.Cover    `json:"covers" doc:"requests that are open"`
}

// OverrideIn is an override that somebody wants.
type OverrideIn struct {
	Schedule string    `json:"schedule"`
	People   []string  `json:"people" minItems:"1"`
	Instead  string    `json:"instead,omitempty" doc:"whom they stand in for; everybody who is on call when empty"`
	From     time.Time `json:"from,omitzero" doc:"default now"`
	To       time.Time `json:"to"`
	Reason   string    `json:"reason,omitempty" maxLength:"500"`
}

// CoverIn is a request for cover.
type CoverIn struct {
	Schedule string    `json:"schedule"`
	Person   string    `json:"person,omitempty" doc:"who wants to be covered; default who asks"`
	From     time.Time `json:"from,omitzero" doc:"default now"`
	To       time.Time `json:"to"`
	Reason   string    `json:"reason,omitempty" maxLength:"500"`
}

// SwapIn is two shifts that their people exchange.
type SwapIn struct {
	A      rota.Half `json:"a"`
	B      rota.Half `json:"b"`
	Reason string    `json:"reason,omitempty" maxLength:"500"`
	Force  bool      `json:"force,omitempty" doc:"make it without asking the two; only managers and administrators, with a reason"`
}

// RangeIn is a time to look at.
type RangeIn struct {
	From time.Time `query:"from" doc:"default now"`
	To   time.Time `query:"to" doc:"default two weeks after from"`
}

// maxLook bounds how much of a schedule is written out at once.
const maxLook = 400 * 24 * time.Hour

func (in RangeIn) span(now time.Time) (from, to time.Time, err error) {
	from, to = in.From, in.To
	if from.IsZero() {
		from = now
	}
	if to.IsZero() {
		to = from.AddDate(0, 0, 14)
	}
	if !to.After(from) || to.Sub(from) > maxLook {
		return from, to, errs.New(errs.Invalid, "to is after from, and at most 400 days after it")
	}
	return from, to, nil
}

// CalendarURL is where a calendar can be read.
type CalendarURL struct {
	URL string `json:"url" doc:"works without signing in: whoever has it can read the calendar"`
}

// CalendarIn names a calendar.
type CalendarIn struct {
	Kind string `path:"kind" enum:"person,schedule"`
	Name string `path:"name"`
}

func (r *routes) rota() {
	get(r, "/oncall", "Who is on call, and who is next", "read", func(ctx context.Context, in *struct {
		At time.Time `query:"at"`
	}) ([]page.Duty, error) {
		at := in.At
		if at.IsZero() {
			at = r.Now()
		}
		return r.duties(ctx, at)
	})
	get(r, "/schedules/{name}", "A schedule between two times: shifts, gaps, layers, overrides and cover requests", "read", func(ctx context.Context, in *struct {
		NameIn
		RangeIn
	}) (ScheduleView, error) {
		from, to, err := in.span(r.Now())
		if err != nil {
			return ScheduleView{}, err
		}
		p, err := r.Page.Plan(ctx, in.Name, from, to)
		if err != nil {
			return ScheduleView{}, err
		}
		return ScheduleView{p.Schedule.Name, p.Schedule.Title(), p.Schedule.TimeZone, orEmpty(p.Rota.Between(from, to)), orEmpty(p.Rota.Gaps(from, to)), p.Rota.Tracks(from, to),
			orEmpty(p.Overrides), orEmpty(p.Covers)}, nil
	})
	get(r, "/people/{name}/shifts", "When a person is on call from now on, on all schedules", "read", func(ctx context.Context, in *struct {
		NameIn
		Limit int `query:"limit" default:"10" minimum:"1" maximum:"100" doc:"of each schedule"`
	}) ([]rota.Stint, error) {
		if r.Catalog().People[in.Name] == nil {
			return nil, errs.New(errs.NotFound, "there is no person %q in the catalog", in.Name)
		}
		ss, err := r.Page.Stints(ctx, in.Name, r.Now(), in.Limit, maxLook)
		return orEmpty(ss), err
	})
	get(r, "/people/{name}/notices", "What a person was told about being on call, the newest first", "read", func(ctx context.Context, in *NameIn) ([]page.Notice, error) {
		ns, err := r.Page.Notices(ctx, in.Name)
		return orEmpty(ns), err
	})
	r.overrides()
	r.swaps()
	r.covers()
	r.calendars()
}

func (r *routes) overrides() {
	get(r, "/overrides", "Overrides that people made, cancelled ones too, by when they begin", "read", func(ctx context.Context, in *struct {
		Schedule string `query:"schedule"`
		RangeIn
	}) ([]rota.Override, error) {
		from, to, err := in.span(r.Now())
		if err != nil {
			return nil, err
		}
		os, err := r.Page.Overrides(ctx, in.Schedule, from, to)
		return orEmpty(os), err
	})
	call(r, http.MethodPost, "/overrides", "Put people on call for a while", "respond", func(ctx context.Context, in *struct{ Body OverrideIn }) (rota.Override, error) {
		b := in.Body
		return r.Page.MakeOverride(ctx, rota.Override{Schedule: b.Schedule, People: b.People, Instead: b.Instead, From: b.From, To: b.To, Reason: b.Reason}, userOf(ctx).Name, r.Now())
	})
	call(r, http.MethodPost, "/overrides/{name}/cancel", "Cancel an override; both halves of a swap", "respond", func(ctx context.Context, in *NameIn) (rota.Override, error) {
		return r.Page.CancelOverride(ctx, in.Name, userOf(ctx).Name, r.Now())
	})
}

func (r *routes) swaps() {
	get(r, "/swaps", "Swaps of shifts that are not over, by when they were asked for", "read", func(ctx context.Context, _ *empty) ([]rota.Swap, error) {
		ss, err := r.Page.Swaps(ctx, r.Now())
		return orEmpty(ss), err
	})
	call(r, http.MethodPost, "/swaps", "Ask two people to take each other's shift; nothing changes until they agree", "respond", func(ctx context.Context, in *struct{ Body SwapIn }) (rota.Swap, error) {
		b, u := in.Body, userOf(ctx)
		if b.Force {
			return r.Page.ForceSwap(ctx, b.A, b.B, b.Reason, u.Name, u.May("admin"), r.Now())
		}
		return r.Page.AskSwap(ctx, b.A, b.B, b.Reason, u.Name, r.Now())
	})
	call(r, http.MethodPost, "/swaps/{name}/take", "Agree to a swap that one is asked for", "respond", func(ctx context.Context, in *NameIn) (rota.Swap, error) {
		return r.Page.AnswerSwap(ctx, in.Name, true, "", userOf(ctx).Name, r.Now())
	})
	call(r, http.MethodPost, "/swaps/{name}/refuse", "Refuse a swap that one is asked for", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Reason string `json:"reason,omitempty" maxLength:"500"`
		}
	}) (rota.Swap, error) {
		return r.Page.AnswerSwap(ctx, in.Name, false, in.Body.Reason, userOf(ctx).Name, r.Now())
	})
	call(r, http.MethodPost, "/swaps/{name}/cancel", "Withdraw a swap that is asked for", "respond", func(ctx context.Context, in *NameIn) (rota.Swap, error) {
		return r.Page.CancelSwap(ctx, in.Name, userOf(ctx).Name, r.Now())
	})
}

func (r *routes) covers() {
	get(r, "/covers", "Requests for cover that are not over, by when they begin", "read", func(ctx context.Context, in *struct {
		Schedule string `query:"schedule"`
	}) ([]rota.Cover, error) {
		cs, err := r.Page.Covers(ctx, in.Schedule, r.Now())
		return orEmpty(cs), err
	})
	call(r, http.MethodPost, "/covers", "Ask who takes a person's time on call", "respond", func(ctx context.Context, in *struct{ Body CoverIn }) (rota.Cover, error) {
		b, by := in.Body, userOf(ctx).Name
		if b.Person == "" {
			b.Person = by
		}
		return r.Page.AskCover(ctx, rota.Cover{Schedule: b.Schedule, Person: b.Person, From: b.From, To: b.To, Reason: b.Reason}, by, r.Now())
	})
	call(r, http.MethodPost, "/covers/{name}/take", "Take the time of a request", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Person string `json:"person,omitempty" doc:"who takes it; default who asks"`
		}
	}) (rota.Cover, error) {
		by := userOf(ctx).Name
		person := in.Body.Person
		if person == "" {
			person = by
		}
		return r.Page.TakeCover(ctx, in.Name, person, by, r.Now())
	})
	call(r, http.MethodPost, "/covers/{name}/cancel", "Withdraw a request for cover", "respond", func(ctx context.Context, in *NameIn) (rota.Cover, error) {
		return r.Page.CancelCover(ctx, in.Name, userOf(ctx).Name, r.Now())
	})
}

func (r *routes) calendars() {
	mine := func(ctx context.Context, in *CalendarIn) error {
		if u := userOf(ctx); in.Kind == "person" && u.Name != in.Name && !u.May("admin") {
			return errs.New(errs.Denied, "only %s and administrators see that address", in.Name)
		}
		return nil
	}
	get(r, "/calendars/{kind}/{name}", "The address of a calendar of a person or a schedule", "read", func(ctx context.Context, in *CalendarIn) (CalendarURL, error) {
		if err := mine(ctx, in); err != nil {
			return CalendarURL{}, err
		}
		url, err := r.Page.FeedURL(ctx, page.Feed{Kind: in.Kind, Name: in.Name})
		return CalendarURL{url}, err
	})
	call(r, http.MethodPost, "/calendars/{kind}/{name}", "Give a calendar another address; the one before does not work any more", "respond", func(ctx context.Context, in *CalendarIn) (CalendarURL, error) {
		if err := mine(ctx, in); err != nil {
			return CalendarURL{}, err
		}
		url, err := r.Page.NewFeedURL(ctx, page.Feed{Kind: in.Kind, Name: in.Name}, userOf(ctx).Name, r.Now())
		return CalendarURL{url}, err
	})
}

func (r *routes) duties(ctx context.Context, at time.Time) ([]page.Duty, error) {
	ps, err := r.Page.Plans(ctx, at, at.Add(time.Minute))
	if err != nil {
		return nil, err
	}
	out := []page.Duty{}
	for _, p := range ps {
		if p.Rota == nil {
			return nil, errs.New(errs.Invalid, "schedule %s cannot be read", p.Schedule.Name)
		}
		out = append(out, p.Duty(at))
	}
	return out, nil
}
