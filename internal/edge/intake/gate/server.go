package gate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/prevent"
)

// Prefix is where the handler is mounted.
const Prefix = "/gate/"

// Scope is what a token needs to ask.
const Scope = "read"

// Config is what the handler needs. All fields are required.
type Config struct {
	Who     func(ctx context.Context, secret string) (door.Caller, error) // code denied when the secret is nobody's
	Prevent *prevent.Service
	Now     func() time.Time
	Log     *slog.Logger
}

type server struct{ Config }

// New returns the handler of everything under Prefix. The token is in a header, as bearer or as the password of basic
// authentication; that of Kubernetes, which sends none, is in the address.
func New(c Config) http.Handler {
	s := &server{c}
	mux := http.NewServeMux()
	for path, h := range map[string]func(http.ResponseWriter, *http.Request){
		"plain/{service}": s.plain, "argo-rollouts/{service}": s.argo,
	} {
		mux.HandleFunc("GET "+Prefix+path, h)
		mux.HandleFunc("POST "+Prefix+path, h)
	}
	mux.HandleFunc("POST "+Prefix+"flagger/{service}", s.flagger)
	mux.HandleFunc("POST "+Prefix+"kubernetes", func(w http.ResponseWriter, r *http.Request) { s.kubernetes(w, r, door.Secret(r)) })
	mux.HandleFunc("POST "+Prefix+"kubernetes/{token}", func(w http.ResponseWriter, r *http.Request) { s.kubernetes(w, r, r.PathValue("token")) })
	return mux
}

// enter finds out who asks. late is true when the store could not tell in time: that is an answer too.
func (s *server) enter(ctx context.Context, secret string) (late bool, err error) {
	if secret == "" {
		return false, errs.New(errs.Denied, "a token with the scope %s or gate is required", Scope)
	}
	c, err := prevent.Within(ctx, s.Prevent.Patience, func(ctx context.Context) (door.Caller, error) { return s.Who(ctx, secret) })
	switch {
	case errs.Is(err, errs.Denied):
		return false, err
	case err != nil:
		s.Log.Warn("gate could not find out who asks", "error", err)
		return true, nil
	case !c.May(Scope):
		return false, errs.New(errs.Denied, "this needs a token with the scope %s or gate", Scope)
	}
	return false, nil
}

// ask returns the gate's answer. An error is the caller's: code denied or invalid.
func (s *server) ask(ctx context.Context, secret string, q prevent.Question) (prevent.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Prevent.Patience)
	defer cancel()
	late, err := s.enter(ctx, secret)
	if err != nil {
		return prevent.Verdict{}, err
	}
	if late {
		return prevent.Verdict{
			Service: q.Service, Change: cmp.Or(q.Change, prevent.Feature), SHA: q.SHA, Images: q.Images, Decision: prevent.Unknown, Allowed: q.AllowUnknown, At: s.Now(),
			Reasons: []string{"the store cannot be asked who asks: it did not answer in time; this answer is not recorded"},
		}, nil
	}
	return s.Prevent.Gate(ctx, q, s.Now())
}

// asked reads the question of an address.
func asked(r *http.Request) (prevent.Question, error) {
	v := r.URL.Query()
	q := prevent.Question{Service: r.PathValue("service"), Change: prevent.Change(v.Get("change")), SHA: v.Get("sha")}
	return q, onUnknown(&q, v.Get("on_unknown"))
}

func onUnknown(q *prevent.Question, text string) error {
	switch text {
	case "":
	case "allow", "block":
		q.AllowUnknown = text == "allow"
	default:
		return errs.New(errs.Invalid, "on_unknown is %q; it must be allow or block", text)
	}
	return nil
}

// plain answers with a status and one line: 200 when the release may go out, 403 when not, 503 when the gate cannot tell.
func (s *server) plain(w http.ResponseWriter, r *http.Request) {
	q, err := asked(r)
	if err == nil {
		var v prevent.Verdict
		if v, err = s.ask(r.Context(), door.Secret(r), q); err == nil {
			status := http.StatusForbidden
			switch {
			case v.Allowed:
				status = http.StatusOK
			case v.Decision == prevent.Unknown:
				status = http.StatusServiceUnavailable
			}
			say(w, status, v)
			return
		}
	}
	refuse(w, err)
}

// argo answers a web metric of Argo Rollouts: anything but 200 would be a measurement that failed, of which it forgives
// four in a row, and not a no.
func (s *server) argo(w http.ResponseWriter, r *http.Request) {
	q, err := asked(r)
	if err == nil {
		var v prevent.Verdict
		if v, err = s.ask(r.Context(), door.Secret(r), q); err == nil {
			writeJSON(w, v)
			return
		}
	}
	refuse(w, err)
}

// hook is what Flagger sends.
type hook struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     string            `json:"phase"`
	Checksum  string            `json:"checksum"` // of the canary's spec
	Metadata  map[string]string `json:"metadata"`
}

// question reads what Flagger sends: what its webhook says in metadata decides, and the checksum stands for the commit.
func (h hook) question(service string) (prevent.Question, error) {
	q := prevent.Question{Service: cmp.Or(h.Metadata["service"], service), Change: prevent.Change(h.Metadata["change"]), SHA: cmp.Or(h.Metadata["sha"], h.Checksum)}
	return q, onUnknown(&q, h.Metadata["on_unknown"])
}

// maxBody bounds a body: etcd holds no object over 1.5 MiB, and a review has it twice.
const maxBody = 4 << 20

// flagger answers a webhook of Flagger: 200 goes on, 403 holds the canary, and the body is shown in its events.
func (s *server) flagger(w http.ResponseWriter, r *http.Request) {
	var h hook
	err := body(w, r, &h)
	if err == nil {
		var q prevent.Question
		if q, err = h.question(r.PathValue("service")); err == nil {
			var v prevent.Verdict
			if v, err = s.ask(r.Context(), door.Secret(r), q); err == nil {
				status := http.StatusForbidden
				if v.Allowed {
					status = http.StatusOK
				}
				say(w, status, v)
				return
			}
		}
	}
	refuse(w, err)
}

func body(w http.ResponseWriter, r *http.Request, into any) error {
	b, err := door.Read(w, r, maxBody)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return errs.Wrap(err, errs.Invalid, "the body is not the JSON that is expected here: %s", err)
	}
	return nil
}

// say writes a verdict as one line.
func say(w http.ResponseWriter, status int, v prevent.Verdict) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if v.ID != "" {
		w.Header().Set("Nightkeeper-Decision", v.ID)
	}
	w.WriteHeader(status)
	fmt.Fprintln(w, line(v))
}

// line is a verdict as one line.
func line(v prevent.Verdict) string {
	text := string(v.Decision) + ": " + strings.Join(v.Reasons, "; ")
	if v.Decision == prevent.Blocked && !v.LiftsAt.IsZero() {
		text += "; about " + v.LiftsAt.UTC().Format("2006-01-02 15:04 UTC") + " if nothing more burns"
	}
	return strings.Join(strings.Fields(text), " ")
}

func refuse(w http.ResponseWriter, err error) {
	status := door.StatusOf(err)
	if errs.Is(err, errs.Denied) {
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Basic realm="nightkeeper"`)
	}
	http.Error(w, errs.Message(err), status)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// An error is one of the connection.
	_ = json.NewEncoder(w).Encode(v)
}
