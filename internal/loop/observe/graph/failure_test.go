package graph

import (
	"testing"
	"time"

	"nightkeeper/internal/loop/observe"
)

func TestFailuresAreToldApart(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    observe.Kind
		message string
		attrs   map[string]string
		want    failure
	}{
		{"nobody listens", observe.Client, "dial tcp 10.0.0.7:80: connect: connection refused", nil, refused},
		{"cut off", observe.Client, "read: connection reset by peer", nil, refused},
		{"gave up", observe.Client, "context deadline exceeded", nil, timedOut},
		{"error.type says it", observe.Client, "", map[string]string{"error.type": "timeout"}, timedOut},
		{"an answer is no refusal, whatever it says", observe.Client, "b answered 502: connection refused by c", map[string]string{"http.response.status_code": "502"}, other},
		{"an answer in time is no timeout", observe.Client, "b answered 504: timeout", map[string]string{"http.response.status_code": "504"}, other},
		{"an answer about overload", observe.Client, "b answered 503: queue full", map[string]string{"http.response.status_code": "503"}, rejected},
		{"a denial", observe.Client, "b answered 429: Too Many Requests", map[string]string{"http.response.status_code": "429"}, denied},
		{"a plain 503 may be a broken handler", observe.Server, "Service Unavailable", map[string]string{"http.response.status_code": "503", "error.type": "503"}, other},
		{"a plain 429 too", observe.Server, "Too Many Requests", map[string]string{"http.response.status_code": "429"}, other},
		{"a full database", observe.Server, "FATAL: sorry, too many connections", nil, rejected},
		{"an open breaker", observe.Server, "circuit breaker is open", nil, rejected},
		{"the caller left", observe.Server, "context canceled", nil, left},
		{"the server gave up", observe.Server, "", map[string]string{"http.response.status_code": "504"}, timedOut},
		{"gRPC has numbers", observe.Client, "", map[string]string{"rpc.grpc.status_code": "14"}, refused},
		{"gRPC has names", observe.Client, "", map[string]string{"rpc.response.status_code": "DEADLINE_EXCEEDED"}, timedOut},
		{"words of the trade are no overload", observe.Server, "could not enqueue the order of the pool party", nil, other},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := failureOf(&observe.Span{Kind: c.kind, Error: true, Message: c.message, Attrs: c.attrs}); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestAFailedRequestHasOneReason(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	server := observe.Span{SpanID: "s", Service: "a", Kind: observe.Server, Start: at, Duration: time.Second, Error: true, Message: "it broke"}
	child := func(kind observe.Kind, name string, d time.Duration, failed bool) observe.Span {
		return observe.Span{SpanID: "c", ParentID: "s", Service: "a", Peer: "b", Name: name, Kind: kind, Start: at, Duration: d, Error: failed}
	}
	late := server
	late.Message = "request timed out"
	named := server
	named.Message = "no answer from b"
	for _, c := range []struct {
		name  string
		spans []observe.Span
		want  Stats
	}{
		{"its own", []observe.Span{server}, Stats{Origin: 1}},
		{"its own, beside a call that went well", []observe.Span{child(observe.Client, "GET", time.Millisecond, false), server}, Stats{Origin: 1}},
		{"a call's", []observe.Span{child(observe.Client, "GET", time.Millisecond, true), server}, Stats{Passed: 1}},
		{"a callee's, by name, without a call", []observe.Span{child(observe.Client, "GET", time.Millisecond, false), named}, Stats{Passed: 1}},
		{"a long wait's", []observe.Span{child(observe.Internal, "queue wait", 900*time.Millisecond, false), server}, Stats{}},
		{"nothing happened", []observe.Span{late}, Stats{Hung: 1}},
		{"nothing came back", []observe.Span{child(observe.Client, "GET", time.Second, true), late}, Stats{Passed: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := New()
			l.Observe(c.spans)
			got := l.Service("a", at, at.Add(2*Width))
			if got.Origin != c.want.Origin || got.Passed != c.want.Passed || got.Hung != c.want.Hung || got.Errors != 1 {
				t.Errorf("got origin %d, passed %d, hung %d of %d errors; want %d, %d, %d of 1", got.Origin, got.Passed, got.Hung, got.Errors, c.want.Origin, c.want.Passed, c.want.Hung)
			}
		})
	}
}

func TestACallThatGotNoConnectionNeverLeft(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	l := New()
	l.Observe([]observe.Span{
		{SpanID: "w", ParentID: "c", Service: "a", Name: "pool wait b", Kind: observe.Internal, Start: at, Duration: time.Second, Error: true},
		{SpanID: "c", ParentID: "s", Service: "a", Peer: "b", Name: "GET", Kind: observe.Client, Start: at, Duration: time.Second, Error: true, Message: "timeout waiting for a connection"},
	})
	got := l.Calls(at, at.Add(2*Width))[Edge{"a", "b"}]
	if got.Blocked != 1 || got.Timeouts != 0 || got.PoolWait != time.Second {
		t.Errorf("got %+v", got)
	}
}

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		text, name string
		want       bool
	}{
		{"order-api answered 500", "order-api", true},
		{"preorder-api answered 500", "order-api", false},
		{"order-api-v2 answered 500", "order-api", false},
		{"preorder-api and order-api", "order-api", true},
		{"cannot reach http://order-api:80/", "order-api", true},
		{"", "a", false},
		{"a", "", false},
	} {
		if got := Mentions(c.text, c.name); got != c.want {
			t.Errorf("Mentions(%q, %q) = %t", c.text, c.name, got)
		}
	}
}

func TestAnswerToTellsWhoMayHaveCountedTheCall(t *testing.T) {
	f := func(want Answer, message string, attrs ...string) {
		t.Helper()
		s := &observe.Span{Kind: observe.Client, Error: true, Message: message, Attrs: map[string]string{}}
		for i := 0; i < len(attrs); i += 2 {
			s.Attrs[attrs[i]] = attrs[i+1]
		}
		if got := AnswerTo(s); got != want {
			t.Errorf("%s %v: %d, want %d", message, attrs, got, want)
		}
	}
	f(Unreached, "dial tcp 127.0.0.1:80: connect: connection refused")
	f(Unreached, "", "error.type", "connection_refused")
	f(Unreached, "name or service not known: no such host")
	f(GivenUp, "read: connection reset by peer")
	f(GivenUp, "context deadline exceeded")
	f(GivenUp, "", "rpc.grpc.status_code", "UNAVAILABLE")
	f(Answered, "store answered 503: connection refused by postgres", "http.response.status_code", "503")
	f(Answered, "too many connections")
	f(Answered, "something else")
}
