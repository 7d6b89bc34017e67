package ui

import (
	"context"
	"net/http"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/respond"
)

// aftermath is what follows from an incident that is over.
type aftermath struct {
	Postmortem *learn.Postmortem
	Experiment string // that would prove the fix
	Ask        string // where a postmortem is asked for, when none is written by itself
}

func (s *server) aftermath(ctx context.Context, i respond.Incident) (aftermath, error) {
	var a aftermath
	if s.Learn == nil {
		return a, nil
	}
	p, err := s.Learn.Of(ctx, i.ID)
	switch {
	case errs.Is(err, errs.NotFound):
		if !i.Open() {
			a.Ask = "/incidents/" + string(i.ID) + "/postmortem"
		}
		return a, nil
	case err != nil:
		return a, err
	}
	a.Postmortem = &p
	for _, item := range p.Items {
		if item.Experiment != "" && a.Experiment == "" {
			a.Experiment = item.Experiment
		}
	}
	return a, nil
}

func (s *server) postmortemsPage(r *http.Request) (view, error) {
	v := view{Title: "Postmortems", Live: true}
	if s.Learn == nil {
		v.Body = notThere("Postmortems", "Learning from incidents")
		return v, nil
	}
	list, err := s.Learn.List(r.Context(), 200)
	if err != nil {
		return view{}, err
	}
	items, err := s.Learn.Items(r.Context(), true)
	if err != nil {
		return view{}, err
	}
	v.Body = postmortemsBody(list, items)
	return v, nil
}

func (s *server) postmortemPage(r *http.Request) (view, error) {
	if s.Learn == nil {
		return view{Title: "Postmortem", Body: notThere("Postmortem", "Learning from incidents")}, nil
	}
	p, err := s.Learn.Get(r.Context(), learn.ID(r.PathValue("id")))
	if err != nil {
		return view{}, err
	}
	return view{Title: p.Title, Live: true, Group: string(p.Group), Body: postmortemBody(p)}, nil
}

func (s *server) doAskPostmortem(r *http.Request) (string, error) {
	if s.Learn == nil {
		return "", errs.New(errs.Unavailable, "postmortems are not available on this server")
	}
	p, err := s.Learn.Ask(r.Context(), respond.ID(r.PathValue("id")), actorOf(r), s.Now())
	return "/postmortems/" + string(p.ID), err
}

func (s *server) doEditPostmortem(r *http.Request) (string, error) {
	id := learn.ID(r.PathValue("id"))
	if s.Learn == nil {
		return "", errs.New(errs.Unavailable, "postmortems are not available on this server")
	}
	_, err := s.Learn.Edit(r.Context(), id, actorOf(r), r.PostForm.Get("text"), s.Now())
	return "/postmortems/" + string(id), err
}

func (s *server) doPublish(r *http.Request) (string, error) {
	id := learn.ID(r.PathValue("id"))
	if s.Learn == nil {
		return "", errs.New(errs.Unavailable, "postmortems are not available on this server")
	}
	_, err := s.Learn.Publish(r.Context(), id, actorOf(r), s.Now())
	return "/postmortems/" + string(id), err
}

func (s *server) doEndItem(r *http.Request) (string, error) {
	if s.Learn == nil {
		return "", errs.New(errs.Unavailable, "postmortems are not available on this server")
	}
	id, reason := learn.ItemID(r.PathValue("id")), r.PostForm.Get("reason")
	end := s.Learn.CompleteItem
	if r.PostForm.Get("end") == "drop" {
		end = s.Learn.DropItem
	}
	item, err := end(r.Context(), id, actorOf(r), reason, s.Now())
	return "/postmortems/" + string(item.Postmortem), err
}

// itemLook returns tone and sign of an action item.
func itemLook(a learn.ActionItem, now time.Time) (tone, sign, text string) {
	switch {
	case a.Overdue(now):
		return "lamp", "warn", "overdue"
	case a.State == learn.Done:
		return "calm", "ok", "done"
	case a.State == learn.Dropped:
		return "plain", "off", "dropped"
	}
	return "plain", "wait", "open"
}

func postmortemLook(p learn.Postmortem, now time.Time) (tone, sign, text string) {
	switch {
	case p.State == learn.Published:
		return "calm", "ok", "published"
	case p.Overdue(now):
		return "lamp", "warn", "draft, overdue"
	case p.Required:
		return "lamp", "note", "draft, required"
	}
	return "plain", "note", "draft"
}

// openItems returns the items of a postmortem that are not done.
func openItems(items []learn.ActionItem) int {
	return len(slices.DeleteFunc(slices.Clone(items), func(a learn.ActionItem) bool { return a.State != learn.Open }))
}
