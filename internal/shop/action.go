package shop

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

// actionsKept is how many actions and idempotency keys are remembered.
const actionsKept = 10000

// Action is one thing that was done through the admin API.
type Action struct {
	Time time.Time `json:"time"`
	// What is the method and path of the request.
	What string          `json:"what"`
	Body json.RawMessage `json:"body,omitempty"`
	// Key is the Idempotency-Key the request came with.
	Key string `json:"key,omitempty"`
	// Changed says whether anything was different afterwards.
	Changed bool `json:"changed"`
}

// action does something. It gets the body of the request and returns the answer.
type action func(r *http.Request, body []byte) (result, error)

// result is the answer of an action.
type result struct {
	status  int
	changed bool
	answer  any
	silent  bool // not worth remembering, such as a renewed lease
}

// actionLog remembers what was done, and the answers given under a key.
type actionLog struct {
	mu      sync.Mutex // held while an action runs: they happen one after the other
	actions []Action
	answers map[string]savedAnswer
	keys    []string // oldest first
}

// savedAnswer is what is said again when a key comes a second time.
type savedAnswer struct {
	request string
	status  int
	body    []byte
}

func newActionLog() *actionLog { return &actionLog{answers: map[string]savedAnswer{}} }

// once makes a handler that runs the action, except when the same
// Idempotency-Key was answered before: then it gives the same answer.
func (l *actionLog) once(f action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		if err != nil {
			write(w, 0, nil, err)
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		key, what := r.Header.Get("Idempotency-Key"), r.Method+" "+r.URL.Path
		if saved, ok := l.answers[key]; ok {
			if saved.request != what+"\n"+string(body) {
				write(w, 0, nil, conflict("Idempotency-Key %q was used for another request: use a fresh key", key))
				return
			}
			w.Header().Set("Idempotent-Replay", "true")
			send(w, saved.status, saved.body)
			return
		}
		res, err := f(r, body)
		if err != nil {
			write(w, 0, nil, err)
			return
		}
		answer, err := json.MarshalIndent(res.answer, "", "  ")
		if err != nil {
			write(w, 0, nil, errors.Join(errors.New("write answer"), err))
			return
		}
		if res.status == 0 {
			res.status = http.StatusOK
		}
		answer = append(answer, '\n')
		if !res.silent {
			l.remember(Action{Time: time.Now(), What: what, Body: compact(body), Key: key, Changed: res.changed})
		}
		l.save(key, savedAnswer{what + "\n" + string(body), res.status, answer})
		send(w, res.status, answer)
	})
}

func (l *actionLog) remember(a Action) {
	if len(l.actions) >= actionsKept {
		l.actions = append(l.actions[:0], l.actions[actionsKept/10:]...)
	}
	l.actions = append(l.actions, a)
}

func (l *actionLog) save(key string, answer savedAnswer) {
	if key == "" {
		return
	}
	if len(l.keys) >= actionsKept {
		delete(l.answers, l.keys[0])
		l.keys = append(l.keys[:0], l.keys[1:]...)
	}
	l.answers[key] = answer
	l.keys = append(l.keys, key)
}

func (l *actionLog) list() []Action {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Action{}, l.actions...)
}

// compact returns the body for the log when it is JSON.
func compact(body []byte) json.RawMessage {
	if !json.Valid(body) {
		return nil
	}
	return json.RawMessage(body)
}
