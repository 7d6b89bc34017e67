package ui

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

func (s *server) declarePage(r *http.Request) (view, error) {
	var services []*catalog.Service
	for _, x := range s.Catalog().Services {
		services = append(services, x)
	}
	slices.SortFunc(services, func(a, b *catalog.Service) int { return cmp.Compare(a.Name, b.Name) })
	return view{Title: "Declare an incident", Body: declareBody(services, r.URL.Query().Get("service"))}, nil
}

func (s *server) doDeclare(r *http.Request) (string, error) {
	form := r.PostForm
	d := detect.Declared{Title: form.Get("title"), Service: form.Get("service"), Severity: detect.Severity(form.Get("severity")), Detail: form.Get("detail"), Customer: form.Get("customer") != ""}
	if v := form.Get("since"); v != "" {
		at, err := time.ParseInLocation("2006-01-02T15:04", v, shellOf(r.Context()).Zone)
		if err != nil {
			return "", errs.New(errs.Invalid, "since is %q; choose a day and a time, or leave it empty", v)
		}
		d.Since = at
	}
	a, err := s.Detect.Declare(r.Context(), d, actorOf(r), s.Now())
	if err != nil {
		return "", err
	}
	i, err := s.Respond.Declared(r.Context(), a)
	if errs.Is(err, errs.NotFound) {
		return "/alerts/" + string(a.ID), nil
	}
	return "/incidents/" + string(i.ID), err
}
