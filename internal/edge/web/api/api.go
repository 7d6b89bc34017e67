package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/prevent"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
)

// User is who makes a call.
type User struct {
	Name string
	May  func(scope string) bool
}

// Config is what the API answers from.
type Config struct {
	Catalog   func() *catalog.Catalog
	Graph     *graph.Live
	Telemetry observe.Telemetry
	Detect    *detect.Service
	Page      *page.Service
	Respond   *respond.Service
	Remediate *remediate.Service
	Learn     *learn.Service
	Prevent   *prevent.Service
	Deploys   func(ctx context.Context, since time.Time) ([]observe.Deploy, error)
	Deploy    func(ctx context.Context, d observe.Deploy, by string) (observe.Deploy, error)
	Events    func(ctx context.Context, q event.Query) ([]event.Event, error)
	Changed   func() <-chan struct{}
	Status    func(ctx context.Context) Status
	Accounts  Accounts
	Who       func(r *http.Request) (User, error) // by session or token; code denied when nobody
	Now       func() time.Time

	PushKey          string // public, of web push; empty: there is none
	WebhookKeys      func() WebhookKeys
	RotateWebhookKey func(ctx context.Context, by string) (WebhookKeys, error)
	Log              *slog.Logger
	Version          string
}

// Status says how the parts of the program are.
type Status struct {
	Version   string     `json:"version"`
	StartedAt time.Time  `json:"started_at"`
	Database  string     `json:"database"`
	Catalog   string     `json:"catalog" doc:"hash of the catalog in force"`
	Services  int        `json:"services" doc:"services seen in the last hour"`
	Shadow    bool       `json:"shadow" doc:"whether it runs beside another system and pages nobody"`
	Parts     []PartLine `json:"parts"`

	Watchdog page.WatchdogHealth `json:"watchdog" doc:"test pages that try the way from an alert to a person"`

	Failing []Failing `json:"failing" doc:"work that failed several times; none when all is well"`
}

// PartLine is one part of the program and how it is.
type PartLine struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// Failing is work that failed several times.
type Failing struct {
	Kind     string    `json:"kind" doc:"kind of job, or of the fact that a phase cannot handle"`
	About    string    `json:"about" doc:"what the work is about"`
	Since    time.Time `json:"since"`
	Attempts int       `json:"attempts"`
	Error    string    `json:"error" doc:"the last one"`
	Next     time.Time `json:"next,omitzero" required:"false" doc:"next attempt; none when it was given up"`
}

type userKey struct{}

func userOf(ctx context.Context) User {
	u, _ := ctx.Value(userKey{}).(User)
	return u
}

// New returns the handler of everything under /api/.
func New(c Config) http.Handler {
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("Nightkeeper", c.Version)
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "/api/openapi", "", "/api/schemas"
	cfg.CreateHooks = nil
	cfg.Transformers = []huma.Transformer{withCode}
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	api := humago.New(mux, cfg)
	r := &routes{c, api}
	r.observe()
	r.detect()
	r.heartbeats()
	r.integrations()
	r.page()
	r.channels()
	r.respond()
	r.command()
	r.remediate()
	r.learn()
	r.prevent()
	r.accounts()
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusNotFound, "there is nothing at this address; the calls are listed in /api/openapi.json", errs.NotFound)
	})
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusForbidden, "this call came from a page of another site and was refused", errs.Denied)
	}))
	return guard.Handler(r.recovered(r.signedIn(mux)))
}

// schemaName keeps types of the same name in two packages apart: DetectStatus and ApiStatus.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	pkg := path.Base(t.PkgPath())
	if t.Name() == "" || pkg == "." {
		return name
	}
	return strings.ToUpper(pkg[:1]) + pkg[1:] + name
}

type routes struct {
	Config
	api huma.API
}

// signedIn finds out who calls; only the description of the API is open to everybody.
func (r *routes) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, "/api/openapi") {
			next.ServeHTTP(w, req)
			return
		}
		if strings.HasPrefix(req.URL.Path, "/api/v1/gate/") { // a store that hangs must not hold a pipeline
			ctx, cancel := context.WithTimeout(req.Context(), r.Prevent.Patience)
			defer cancel()
			req = req.WithContext(ctx)
		}
		u, err := r.who(req)
		if errs.Is(err, errs.Unavailable) { // that is no fault of the token's
			writeProblem(w, http.StatusServiceUnavailable, errs.Message(err), errs.Unavailable)
			return
		}
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="nightkeeper"`)
			writeProblem(w, http.StatusUnauthorized, errs.Message(err)+"; send Authorization: Bearer <token>", errs.Denied)
			return
		}
		next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), userKey{}, u)))
	})
}

// who finds out who calls, as long as there is time.
func (r *routes) who(req *http.Request) (User, error) {
	if _, ok := req.Context().Deadline(); !ok {
		return r.Who(req)
	}
	u, err := prevent.Within(req.Context(), r.Prevent.Patience, func(ctx context.Context) (User, error) { return r.Who(req.WithContext(ctx)) })
	if err != nil && req.Context().Err() != nil {
		err = errs.Wrap(err, errs.Unavailable, "the store cannot be asked who you are: it did not answer in time")
	}
	return u, err
}

// recovered turns a panic into an answer and a line in the log.
func (r *routes) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			r.Log.Error("call failed by a bug", "path", req.URL.Path, "panic", p, "stack", string(debug.Stack()))
			writeProblem(w, http.StatusInternalServerError, "internal error", errs.Internal)
		}()
		next.ServeHTTP(w, req)
	})
}

func writeProblem(w http.ResponseWriter, status int, detail string, code errs.Code) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	p := problem(status, detail, code)
	writeJSON(w, p)
}

// out wraps an answer for huma.
type out[T any] struct{ Body T }

// get registers a call that changes nothing.
func get[I, O any](r *routes, path, summary, scope string, fn func(ctx context.Context, in *I) (O, error)) {
	call(r, http.MethodGet, path, summary, scope, fn)
}

// maxBody bounds what a call may send.
const maxBody = 4 << 20

// call registers a call that needs a scope.
func call[I, O any](r *routes, method, at, summary, scope string, fn func(ctx context.Context, in *I) (O, error)) {
	op := huma.Operation{Method: method, Path: "/api/v1" + at, Summary: summary, OperationID: operationID(method, at), MaxBodyBytes: maxBody}
	op.Responses = map[string]*huma.Response{"default": {Description: "Error", Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: r.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")},
	}}}
	huma.Register(r.api, op, func(ctx context.Context, in *I) (*out[O], error) {
		if u := userOf(ctx); !u.May(scope) {
			return nil, problem(http.StatusForbidden, "this needs the scope "+scope, errs.Denied)
		}
		v, err := fn(ctx, in)
		if err != nil {
			return nil, r.problem(err, op.Path)
		}
		return &out[O]{v}, nil
	})
}

func operationID(method, path string) string {
	p := strings.NewReplacer("/", "-", "{", "", "}", "").Replace(strings.Trim(path, "/"))
	return strings.ToLower(method) + "-" + p
}

var statuses = map[errs.Code]int{
	errs.Invalid: http.StatusUnprocessableEntity, errs.NotFound: http.StatusNotFound, errs.Conflict: http.StatusConflict,
	errs.Denied: http.StatusForbidden, errs.Unavailable: http.StatusServiceUnavailable, errs.Internal: http.StatusInternalServerError,
}

// problem turns an error into an answer; what may not be shown goes to the log.
func (r *routes) problem(err error, path string) error {
	var h huma.StatusError
	if errors.As(err, &h) {
		return h
	}
	code := errs.CodeOf(err)
	if code == errs.Internal {
		r.Log.Error("call failed", "path", path, "error", err)
	}
	return problem(statuses[code], errs.Message(err), code)
}

// Problem is an error as RFC 9457 writes it, with our code.
type Problem struct {
	huma.ErrorModel
	Code errs.Code `json:"code"`
}

// withCode gives what was refused before a call was reached the shape of every other error.
func withCode(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := errs.Invalid
	for c, status := range statuses {
		if status == m.Status {
			code = c
		}
	}
	return &Problem{*m, code}, nil
}

func problem(status int, detail string, code errs.Code) *Problem {
	return &Problem{huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}, code}
}
