package opsgenie

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Paths are where the handler is mounted: under a name of its own, and where clients look that can only change the host.
var Paths = []string{"/opsgenie/", "/v2/alerts", "/v2/alerts/", "/v2/heartbeats", "/v2/heartbeats/"}

// Config is what the handler needs. All fields are required.
type Config struct {
	Door    *door.Door
	Detect  *detect.Service
	Catalog func() *catalog.Catalog
	Facts   func(ctx context.Context, a detect.Alert) ([]event.Event, error)         // what happened about an alert, the oldest first
	Told    func(ctx context.Context, a detect.AlertID) ([]page.Notification, error) // who was told of it, the oldest first
	Now     func() time.Time
	Log     *slog.Logger
}

type server struct{ Config }

// call is a request with its body and what is known of its sender.
type call struct {
	*door.Visit
	r    *http.Request
	body []byte
	now  time.Time
}

// New returns the handler of everything under Paths.
func New(c Config) http.Handler {
	s := &server{c}
	mux := http.NewServeMux()
	handle := func(method, path string, fn func(call) (reply, error)) {
		for _, prefix := range []string{"/opsgenie", ""} {
			mux.HandleFunc(method+" "+prefix+"/v2/"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, fn) })
		}
	}
	handle("POST", "alerts", s.create)
	handle("GET", "alerts", s.list)
	handle("GET", "alerts/count", s.count)
	handle("GET", "alerts/{id}", s.get)
	handle("DELETE", "alerts/{id}", s.close)
	handle("GET", "alerts/requests/{request}", s.request)
	handle("POST", "alerts/{id}/close", s.close)
	handle("POST", "alerts/{id}/acknowledge", s.acknowledge)
	handle("POST", "alerts/{id}/unacknowledge", s.unacknowledge)
	handle("POST", "alerts/{id}/notes", s.note)
	handle("GET", "alerts/{id}/{what}", s.about) // an alert may be named requests: then it has no notes
	handle("POST", "alerts/{id}/snooze", s.snooze)
	handle("POST", "alerts/{id}/assign", s.assign)
	handle("POST", "alerts/{id}/escalate", s.escalate)
	handle("POST", "alerts/{id}/teams", s.addTeam)
	handle("POST", "alerts/{id}/responders", s.addResponder)
	handle("POST", "alerts/{id}/tags", s.addTags)
	handle("DELETE", "alerts/{id}/tags", s.removeTags)
	handle("POST", "alerts/{id}/details", s.addDetails)
	handle("DELETE", "alerts/{id}/details", s.removeDetails)
	for _, what := range []string{"message", "description", "priority"} {
		handle("PUT", "alerts/{id}/"+what, func(c call) (reply, error) { return s.update(c, what) })
	}
	handle("GET", "heartbeats", s.heartbeats)
	handle("POST", "heartbeats", s.addHeartbeat)
	handle("GET", "heartbeats/{name}", s.heartbeat)
	handle("PATCH", "heartbeats/{name}", s.changeHeartbeat)
	handle("DELETE", "heartbeats/{name}", s.dropHeartbeat)
	handle("POST", "heartbeats/{name}/enable", func(c call) (reply, error) { return s.switchHeartbeat(c, true) })
	handle("POST", "heartbeats/{name}/disable", func(c call) (reply, error) { return s.switchHeartbeat(c, false) })
	for _, method := range []string{"GET", "POST", "PUT", "PATCH"} {
		handle(method, "heartbeats/{name}/ping", s.ping)
	}
	handle("POST", "alerts/{id}/actions/{action}", missing)
	handle("POST", "alerts/{id}/attachments", missing)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		send(w, http.StatusNotFound, map[string]any{"message": notHere(r)}, "", 0)
	})
	return mux
}

// instead says what there is here for parts of Opsgenie's API that are not.
var instead = []struct{ path, have string }{
	{"/actions/", "custom actions are runbooks here, which are started on the page of the incident"},
	{"/attachments", "files are not kept here; put a link into a note"},
	{"/saved-searches", "send the query itself with the list"},
	{"/schedules", "schedules are in the catalog here, and who is on call is at /api/v1/oncall"},
	{"/escalations", "escalation policies are in the catalog here"},
	{"/teams", "teams are in the catalog here"},
	{"/users", "people are in the catalog here"},
	{"/incidents", "incidents are at /api/v1/incidents here"},
}

func notHere(r *http.Request) string {
	out := "Nightkeeper does not have " + r.Method + " " + r.URL.Path + " of Opsgenie's API"
	for _, x := range instead {
		if strings.Contains(r.URL.Path+"/", x.path) {
			return out + ": " + x.have
		}
	}
	return out
}

// missing refuses a call that is known and not offered.
func missing(c call) (reply, error) { return reply{}, errs.New(errs.NotFound, "%s", notHere(c.r)) }

// reply is an answer: its status, what it is about, and what is read of it.
type reply struct {
	status  int
	request string // id of the request; one is made when there is none
	result  string
	data    any
	paging  map[string]string // where the rest of a list is
}

func (s *server) serve(w http.ResponseWriter, r *http.Request, fn func(call) (reply, error)) {
	began := time.Now()
	out, err := s.answer(w, r, fn)
	if err != nil {
		s.refuse(w, r, err, time.Since(began))
		return
	}
	body := map[string]any{}
	if out.result != "" {
		body["result"] = out.result
	}
	if out.data != nil {
		body["data"] = out.data
	}
	if out.paging != nil {
		body["paging"] = out.paging
	}
	send(w, out.status, body, out.request, time.Since(began))
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, fn func(call) (reply, error)) (reply, error) {
	v, err := s.Door.Enter(w, r, door.Secret(r))
	if err != nil {
		return reply{}, err
	}
	defer v.Leave()
	if err := v.Take(1); err != nil {
		return reply{}, err
	}
	body, err := v.Body()
	if err != nil {
		return reply{}, err
	}
	return fn(call{v, r, body, s.Now()})
}

// read decodes a body into v; an empty one is an empty object.
func (c call) read(v any) error {
	if len(c.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return errs.New(errs.Invalid, "Request body is not JSON: %s", err)
	}
	return nil
}

// unprocessable is an error about fields of a body.
type unprocessable map[string]string

// Error returns the message that Opsgenie gives.
func (u unprocessable) Error() string {
	return "Request body is not processable. Please check the errors."
}

func send(w http.ResponseWriter, status int, body map[string]any, request string, took time.Duration) {
	if request == "" {
		request = id.New("req", time.Now())
	}
	body["took"], body["requestId"] = took.Seconds(), request
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"message":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Request-Id", request)
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone
}

// refuse answers with an error. Clients try 429 and 5xx again.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error, took time.Duration) {
	if u, ok := err.(unprocessable); ok {
		send(w, http.StatusUnprocessableEntity, map[string]any{"message": u.Error(), "errors": map[string]string(u)}, "", took)
		return
	}
	status := door.StatusOf(err)
	switch {
	case door.TooFast(err):
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(errs.WaitOf(err)/time.Second))))
		w.Header().Set("X-RateLimit-State", "THROTTLED")
	case status == http.StatusBadRequest, status == http.StatusConflict:
		status = http.StatusUnprocessableEntity
	case status == http.StatusInternalServerError:
		s.Log.Error("Opsgenie call failed", "path", r.URL.Path, "error", err)
	}
	send(w, status, map[string]any{"message": errs.Message(err)}, "", took)
}
