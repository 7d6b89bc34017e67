package graph

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"nightkeeper/internal/loop/observe"
)

// failure is in which way a request or a call failed.
type failure int

const (
	other failure = iota
	refused
	timedOut
	left     // the caller went away
	rejected // turned away by overload
	denied   // the server says that the request is wrong
)

// Answer says what became of a call that failed, as its caller saw it.
type Answer int

// Answers to a call.
const (
	Answered  Answer = iota // by a failure, or nothing is known
	GivenUp                 // the caller stopped waiting: the callee may still be at it, and count it itself
	Unreached               // it never reached the callee, which cannot have counted it
)

// unreachedWords are what instrumentation calls a connection that never was. A connection that was cut is not among
// them: the callee may have served it.
var unreachedWords = []string{"refused", "no such host", "no route to host", "unreachable"}

// AnswerTo returns what became of a client's failed call.
func AnswerTo(s *observe.Span) Answer {
	if s.Attrs["http.response.status_code"] != "" {
		return Answered
	}
	why := strings.ToLower(s.Attrs["error.type"] + " " + s.Attrs["exception.type"] + " " + s.Message)
	switch failureOf(s) {
	case refused:
		for _, w := range unreachedWords {
			if strings.Contains(why, w) {
				return Unreached
			}
		}
		return GivenUp
	case timedOut:
		return GivenUp
	case left, rejected, denied, other:
	}
	return Answered
}

// words by which instrumentation names failures, in error.type, status message or exception. A bare status code says
// little: 503 is what overload answers, and what a broken handler answers too.
var words = []struct {
	failure failure
	any     []string
}{
	{rejected, []string{
		"too many connections", "too_many_connections", "connection slots", "queue full", "queue is full", "queue_full", "queue timeout",
		"queue_timeout", "connection pool", "pool exhausted", "pool_exhausted", "pool timeout", "resource exhausted", "resource_exhausted",
		"overload", "circuit breaker", "circuitbreaker", "circuit_breaker", "breaker_open", "throttl", "rate limit", "rate_limit",
		"load shed", "backpressure",
	}},
	{refused, []string{"refused", "reset", "eof", "broken pipe", "no such host", "unreachable", "connection lost"}},
	{left, []string{"cancel", "client_gone", "client closed", "caller gave up"}},
	{timedOut, []string{"timeout", "timed out", "time-out", "deadline"}},
}

// failureOf says in which way a failed span failed.
func failureOf(s *observe.Span) failure {
	code := s.Attrs["http.response.status_code"]
	answered := s.Kind == observe.Client && code != ""
	why := strings.ToLower(s.Attrs["error.type"] + " " + s.Attrs["exception.type"] + " " + s.Message)
	for _, w := range words {
		if answered && w.failure != rejected {
			break // somebody was there and answered: the words are about what lies behind
		}
		for _, part := range w.any {
			if strings.Contains(why, part) {
				return w.failure
			}
		}
	}
	if answered && strings.HasPrefix(code, "4") {
		return denied
	}
	if answered {
		return other
	}
	switch code {
	case "408", "504":
		return timedOut
	case "499":
		return left
	}
	return rpcFailure(strings.ToUpper(s.Attrs["rpc.response.status_code"] + s.Attrs["rpc.grpc.status_code"]))
}

// rpcFailure reads the status of gRPC, as a name or as a number.
func rpcFailure(code string) failure {
	switch code {
	case "CANCELLED", "1":
		return left
	case "DEADLINE_EXCEEDED", "4":
		return timedOut
	case "RESOURCE_EXHAUSTED", "8":
		return rejected
	case "UNAVAILABLE", "14":
		return refused
	}
	return other
}

func (s *Stats) fault(f failure) {
	switch f {
	case refused:
		s.Refused++
	case timedOut:
		s.Timeouts++
	case rejected:
		s.Rejected++
	case denied:
		s.Denied++
	case left, other:
	}
}

// Mentions reports whether text contains name as a word of its own.
func Mentions(text, name string) bool {
	if name == "" {
		return false
	}
	part := func(r rune) bool { return r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	for rest := text; ; {
		i := strings.Index(rest, name)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(rest[:i])
		after, _ := utf8.DecodeRuneInString(rest[i+len(name):])
		if (i == 0 || !part(before)) && (i+len(name) == len(rest) || !part(after)) {
			return true
		}
		rest = rest[i+len(name):]
	}
}
