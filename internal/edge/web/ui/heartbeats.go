package ui

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// heartbeatsData is what the list of heartbeats shows.
type heartbeatsData struct {
	All      []detect.Heartbeat
	Alerts   map[string]detect.Alert
	Services []string
}

func (s *server) heartbeatsPage(r *http.Request) (view, error) {
	all, err := s.Detect.Heartbeats(r.Context())
	if err != nil {
		return view{}, err
	}
	alerts, err := s.Detect.AlertsOfHeartbeats(r.Context(), all...)
	if err != nil {
		return view{}, err
	}
	return view{Title: "Heartbeats", Live: true, Body: heartbeatsBody(heartbeatsData{all, alerts, sortedKeys(s.Catalog().Services)})}, nil
}

// heartbeatData is what the page of one heartbeat shows.
type heartbeatData struct {
	detect.Heartbeat
	Alert  *detect.Alert
	Misses []detect.Miss
	URL    string // with TOKEN for the token
	Fresh  freshAddress
}

func (s *server) heartbeatPage(r *http.Request) (view, error) {
	return s.heartbeatView(r, freshAddress{})
}

func (s *server) heartbeatView(r *http.Request, fresh freshAddress) (view, error) {
	ctx := r.Context()
	h, err := s.Detect.HeartbeatOf(ctx, r.PathValue("name"))
	if err != nil {
		return view{}, err
	}
	d := heartbeatData{Heartbeat: h, URL: baseOf(r) + pingPath(h.Name), Fresh: fresh}
	alerts, err := s.Detect.AlertsOfHeartbeats(ctx, h)
	if err != nil {
		return view{}, err
	}
	if a, ok := alerts[h.Name]; ok {
		d.Alert = &a
	}
	if d.Misses, err = s.Detect.Misses(ctx, h.Name, 50); err != nil {
		return view{}, err
	}
	return view{Title: h.Name, Live: fresh.Secret == "", Body: heartbeatBody(d)}, nil
}

// pingPath is where a heartbeat is pinged.
func pingPath(name string) string { return "/heartbeat/TOKEN/" + url.PathEscape(name) }

func heartbeatPath(name string) string { return "/heartbeats/" + url.PathEscape(name) }

// heartbeatAddress makes a token for a job and shows the address with it once.
func (s *server) heartbeatAddress(r *http.Request) (view, error) {
	if shellOf(r.Context()).User.Role != Admin {
		return view{}, errs.New(errs.Denied, "only an admin may make API tokens")
	}
	h, err := s.Detect.HeartbeatOf(r.Context(), r.PathValue("name"))
	if err != nil {
		return view{}, err
	}
	fresh, err := s.freshAddress(r, cut("heartbeat "+h.Name, 100), pingPath(h.Name))
	if err != nil {
		return view{}, err
	}
	return s.heartbeatView(r, fresh)
}

func (s *server) doMakeHeartbeat(r *http.Request) (string, error) {
	f := r.PostForm
	h := detect.Heartbeat{Name: strings.TrimSpace(f.Get("name")), Text: strings.TrimSpace(f.Get("text")), Grace: time.Minute, Service: f.Get("service"), Severity: f.Get("severity"), Enabled: true}
	var err error
	if h.Interval, err = catalog.ParseDuration(f.Get("interval")); err != nil {
		return "", errs.New(errs.Invalid, "how often: %s", err)
	}
	if f.Get("grace") != "" {
		if h.Grace, err = catalog.ParseDuration(f.Get("grace")); err != nil {
			return "", errs.New(errs.Invalid, "how much later: %s", err)
		}
	}
	h, err = s.Detect.MakeHeartbeat(r.Context(), h, actorOf(r), s.Now())
	return heartbeatPath(h.Name), err
}

func (s *server) doPingHeartbeat(r *http.Request) (string, error) {
	h, err := s.Detect.PingBy(r.Context(), r.PathValue("name"), actorOf(r), s.Now())
	return heartbeatPath(h.Name), err
}

func (s *server) doDropHeartbeat(r *http.Request) (string, error) {
	return "/heartbeats", s.Detect.DropHeartbeat(r.Context(), r.PathValue("name"), actorOf(r), s.Now())
}

// beatLook is the tone and sign of a heartbeat's state.
func beatLook(state string) (tone, sign string) {
	switch state {
	case "away":
		return "burn", "burn"
	case "alive":
		return "calm", "ok"
	case "off":
		return "plain", "off"
	}
	return "plain", "wait"
}
