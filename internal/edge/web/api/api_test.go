package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

func TestEveryNameIsInSnakeCase(t *testing.T) {
	rec := httptest.NewRecorder()
	New(Config{}).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/api/openapi.json", nil))
	var spec struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
			}
		}
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &spec); err != nil {
		t.Fatal(err)
	}
	if len(spec.Components.Schemas) < 40 {
		t.Fatalf("only %d schemas", len(spec.Components.Schemas))
	}
	snake := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for schema, s := range spec.Components.Schemas {
		for name := range s.Properties {
			if !snake.MatchString(name) && name != "$schema" {
				t.Errorf("%s has %s", schema, name)
			}
		}
	}
}

func TestEveryErrorHasTheSameShape(t *testing.T) {
	h := New(Config{
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Who: func(r *http.Request) (User, error) {
			if r.Header.Get("Authorization") == "" {
				return User{}, errs.New(errs.Denied, "please sign in")
			}
			return User{Name: "mira", May: func(scope string) bool { return scope != "respond" }}, nil
		},
		Status: func(context.Context) Status { panic("a bug") },
		Deploys: func(context.Context, time.Time) ([]observe.Deploy, error) {
			return nil, errs.New(errs.Unavailable, "the database does not answer")
		},
	})
	f := func(name, method, path, body string, status int, code errs.Code, header ...string) {
		t.Helper()
		req := httptest.NewRequest(method, path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer x")
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		var p Problem
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
			t.Fatalf("%s: %v: %.200s", name, err, rec.Body)
		}
		kind := rec.Header().Get("Content-Type")
		if rec.Code != status || p.Status != status || p.Code != code || kind != "application/problem+json" || p.Title == "" || p.Detail == "" {
			t.Errorf("%s: %d %s %.300s, want %d %q", name, rec.Code, kind, rec.Body, status, code)
		}
	}
	f("too large", "POST", "/api/v1/deploys", `{"service":"`+strings.Repeat("a", maxBody)+`"}`, 413, errs.Invalid)
	f("no JSON", "POST", "/api/v1/deploys", `{"service":`, 400, errs.Invalid)
	f("no body", "POST", "/api/v1/deploys", "", 400, errs.Invalid)
	f("a field is missing", "POST", "/api/v1/deploys", `{"service":"checkout"}`, 422, errs.Invalid)
	f("a field of another type", "POST", "/api/v1/deploys", `{"service":"checkout","version":7}`, 422, errs.Invalid)
	f("another format", "POST", "/api/v1/deploys", "service=checkout", 415, errs.Invalid, "Content-Type", "application/x-www-form-urlencoded")
	f("a parameter of another type", "GET", "/api/v1/events?after=soon", "", 422, errs.Invalid)
	f("a duration that is none", "GET", "/api/v1/logs?min_duration=soon", "", 422, errs.Invalid)
	f("no such call", "GET", "/api/v1/nothing", "", 404, errs.NotFound)
	f("nobody", "GET", "/api/v1/alerts", "", 401, errs.Denied, "Authorization", "")
	f("without the scope", "POST", "/api/v1/pages/pg_1/ack", "", 403, errs.Denied)
	f("another site", "POST", "/api/v1/deploys", "{}", 403, errs.Denied, "Sec-Fetch-Site", "cross-site")
	f("the database is away", "GET", "/api/v1/deploys", "", 503, errs.Unavailable)
	f("a bug", "GET", "/api/v1/status", "", 500, errs.Internal)
}

func TestDescriptionHasTheCodeOfErrors(t *testing.T) {
	rec := httptest.NewRecorder()
	New(Config{}).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/api/openapi.json", nil))
	var spec struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
			}
		}
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &spec); err != nil {
		t.Fatal(err)
	}
	for path, ops := range spec.Paths {
		for method, op := range ops {
			name := strings.TrimPrefix(op.Responses["default"].Content["application/problem+json"].Schema.Ref, "#/components/schemas/")
			if p := spec.Components.Schemas[name].Properties; p["code"] == nil || p["detail"] == nil {
				t.Errorf("an error of %s %s is %q with %v", method, path, name, p)
			}
		}
	}
}
