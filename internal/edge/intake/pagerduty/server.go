package pagerduty

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
)

// Prefix is what clients write instead of https://events.pagerduty.com.
const Prefix = "/pagerduty/"

// Config is what the handler needs. All fields are required.
type Config struct {
	Door    *door.Door
	Detect  *detect.Service
	Catalog func() *catalog.Catalog
	Deploy  func(ctx context.Context, d observe.Deploy, by string) (observe.Deploy, error)
	Now     func() time.Time
	Log     *slog.Logger
}

// maxEvent is what PagerDuty takes of one event.
const maxEvent = 512_000

type server struct {
	Config
	reading chan struct{} // requests whose sender is not known yet
}

// mostReading bounds the memory that bodies take before it is known who sends them.
const mostReading = 64

// New returns the handler of everything under Prefix.
func New(c Config) http.Handler {
	s := &server{c, make(chan struct{}, mostReading)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Prefix+"v2/enqueue", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, s.enqueue) })
	mux.HandleFunc("POST "+Prefix+"v2/change/enqueue", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, s.change) })
	return mux
}

// answer is what clients read after a success.
type answer struct {
	Status   string `json:"status"`
	Message  string `json:"message"`
	DedupKey string `json:"dedup_key,omitempty"`
}

// refusal is what they read after an error; it is one itself.
type refusal struct {
	status  int
	Status  string   `json:"status"`
	Message string   `json:"message"`
	Errors  []string `json:"errors"`
}

// Error returns the message.
func (r *refusal) Error() string { return r.Message }

func invalid(errors ...string) error {
	return &refusal{http.StatusBadRequest, "invalid event", "Event object is invalid", errors}
}

// serve reads an event before it knows who sends it: the key is in the body.
func (s *server) serve(w http.ResponseWriter, r *http.Request, take func(*door.Visit, *event) (answer, error)) {
	e, err := s.read(w, r)
	var said answer
	if err == nil {
		said, err = s.enter(w, r, e, take)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	send(w, http.StatusAccepted, said)
}

func (s *server) read(w http.ResponseWriter, r *http.Request) (*event, error) {
	select {
	case s.reading <- struct{}{}:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	defer func() { <-s.reading }()
	body, err := door.Read(w, r, maxEvent)
	if err != nil {
		return nil, err
	}
	return parse(body)
}

func (s *server) enter(w http.ResponseWriter, r *http.Request, e *event, take func(*door.Visit, *event) (answer, error)) (answer, error) {
	if e.RoutingKey == "" {
		return answer{}, invalid("'routing_key' is missing or blank")
	}
	v, err := s.Door.Enter(w, r, e.RoutingKey)
	if err != nil {
		return answer{}, err
	}
	defer v.Leave()
	if err := v.Take(1); err != nil {
		return answer{}, err
	}
	return take(v, e)
}

func send(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"status":"error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone
}

// refuse answers with an error. Clients try 429 and 5xx again, and nothing else.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if x, ok := err.(*refusal); ok {
		send(w, x.status, x)
		return
	}
	status, message := door.StatusOf(err), errs.Message(err)
	x := &refusal{status, "invalid event", "Event object is invalid", []string{message}}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		x.status, x.Errors = http.StatusBadRequest, []string{"'routing_key' is not valid: " + message}
	case door.TooFast(err):
		x.status, x.Status, x.Message = http.StatusTooManyRequests, "throttle exceeded", "Requests for this routing key are arriving too quickly. Please retry later."
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(errs.WaitOf(err)/time.Second))))
	case status >= http.StatusInternalServerError:
		x.Status, x.Message = "error", "The event was not taken; try again"
		if status == http.StatusInternalServerError {
			s.Log.Error("event could not be taken", "path", r.URL.Path, "error", err)
		}
	}
	send(w, x.status, x)
}
