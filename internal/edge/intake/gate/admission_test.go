package gate_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/intake/gate"
	"nightkeeper/internal/loop/prevent"
)

// change is what happens to a workload.
type change struct {
	operation, namespace, subResource string
	from, to                          string // images
	env                               string // of the container afterwards
	notes                             map[string]string
	dryRun, cron                      bool
}

// answer is what the API server reads of a review.
type answer struct {
	UID      string
	Allowed  bool
	Status   struct{ Code, Reason, Message any }
	Warnings []string
	Audit    map[string]string `json:"auditAnnotations"`
}

// review sends an AdmissionReview as the API server does, to the address of the docs, and checks what it checks: status
// 200, the version and kind that it sent, and the uid of the request.
func (w *world) review(label string, c change) answer {
	w.Helper()
	object := func(image, env string) map[string]any {
		meta := map[string]any{"name": "checkout", "namespace": c.namespace, "labels": map[string]string{"app": "checkout"}, "annotations": c.notes}
		if label != "" {
			meta["labels"] = map[string]string{"nightkeeper/gate": label}
		}
		pods := map[string]any{"metadata": map[string]any{"annotations": map[string]string{"restarted": env}}, "spec": map[string]any{
			"containers": []any{map[string]any{"name": "main", "image": image, "env": []any{map[string]string{"name": "X", "value": env}}}},
		}}
		if c.cron {
			return map[string]any{"kind": "CronJob", "metadata": meta, "spec": map[string]any{"jobTemplate": map[string]any{"spec": map[string]any{"template": pods}}}}
		}
		return map[string]any{"kind": "Deployment", "metadata": meta, "spec": map[string]any{"replicas": len(env), "template": pods}}
	}
	uid := "705ab4f5-6393-11e8-b7cc-42010a800002"
	req := map[string]any{
		"uid": uid, "kind": map[string]string{"group": "apps", "version": "v1", "kind": "Deployment"}, "name": "checkout", "namespace": c.namespace, "subResource": c.subResource,
		"operation": c.operation, "userInfo": map[string]string{"username": "system:serviceaccount:ci:deployer"}, "dryRun": c.dryRun, "object": object(c.to, c.env), "oldObject": nil,
	}
	if c.operation == "" {
		req["operation"] = "UPDATE"
	}
	if req["operation"] == "UPDATE" {
		req["oldObject"] = object(c.from, "")
	}
	var hooks struct {
		Webhooks []struct {
			ClientConfig   struct{ URL string } `yaml:"clientConfig"`
			TimeoutSeconds int                  `yaml:"timeoutSeconds"`
			FailurePolicy  string               `yaml:"failurePolicy"`
			SideEffects    string               `yaml:"sideEffects"`
		}
	}
	example(w.T, "kubernetes.yaml", &hooks)
	h := hooks.Webhooks[0]
	if h.FailurePolicy != "Ignore" || h.SideEffects != "NoneOnDryRun" || time.Duration(h.TimeoutSeconds)*time.Second <= prevent.Patience {
		w.Fatalf("%+v", h)
	}
	at := fmt.Sprintf("%s?timeout=%ds", w.here(h.ClientConfig.URL), h.TimeoutSeconds)
	status, said, _ := w.send("POST", at, "", map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": req})
	var out struct {
		APIVersion, Kind string
		Response         answer
	}
	if err := json.Unmarshal([]byte(said), &out); err != nil || status != 200 || out.APIVersion != "admission.k8s.io/v1" || out.Kind != "AdmissionReview" || out.Response.UID != uid {
		w.Fatalf("%d %s", status, said)
	}
	return out.Response
}

func TestKubernetes(t *testing.T) {
	w := patient(t)
	kept := func() int {
		t.Helper()
		vs, err := w.Verdicts(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(vs)
	}
	r := w.review("checkout", change{from: "shop:v1", to: "shop:v2", notes: map[string]string{"nightkeeper/sha": "1f2e3d4"}})
	vs, err := w.Verdicts(t.Context(), 1)
	if err != nil || !r.Allowed || len(r.Warnings) != 0 || len(vs) != 1 || vs[0].ID != r.Audit["decision"] || vs[0].SHA != "1f2e3d4" || vs[0].Images[0] != "shop:v2" {
		t.Fatalf("%+v %+v %v", r, vs, err)
	}
	w.spend()
	before := kept()
	for _, c := range []struct {
		what    string
		label   string
		change  change
		allowed bool
		says    string // in the reason, the warning, or why it was not asked
	}{
		{"a release", "checkout", change{from: "shop:v2", to: "shop:v3"}, false, "Nightkeeper: blocked: checkout-availability has spent"},
		{"a first release", "checkout", change{operation: "CREATE", to: "shop:v3"}, false, "blocked"},
		{"another configuration", "checkout", change{from: "shop:v2", to: "shop:v2", env: "more"}, false, "blocked"},
		{"a job at night", "checkout", change{from: "shop:v2", to: "shop:v3", cron: true}, false, "blocked"},
		{"back to what ran", "checkout", change{from: "shop:v2", to: "shop:v1"}, true, "ran before"},
		{"security", "checkout", change{from: "shop:v2", to: "shop:v3", notes: map[string]string{"nightkeeper/change": "security"}}, true, "allows a security change"},
		{"a kind that there is not", "checkout", change{from: "shop:v2", to: "shop:v3", notes: map[string]string{"nightkeeper/change": "yolo"}}, false, "it must be feature, rollback"},
		{"an unknown service", "nothing", change{from: "shop:v2", to: "shop:v3"}, true, "Nightkeeper: unknown: there is no service"},
		{"an unknown service that is careful", "nothing", change{from: "shop:v2", to: "shop:v3", notes: map[string]string{"nightkeeper/on-unknown": "block"}}, false, "unknown"},
		{"a choice that there is not", "nothing", change{from: "shop:v2", to: "shop:v3", notes: map[string]string{"nightkeeper/on-unknown": "shrug"}}, false, "it must be allow or block"},
		{"scaled", "checkout", change{from: "shop:v2", to: "shop:v2"}, true, "its pods stay as they are"},
		{"scaled by its part", "checkout", change{from: "shop:v2", to: "shop:v3", subResource: "scale"}, true, "only scale changes"},
		{"deleted", "checkout", change{operation: "DELETE", to: "shop:v3"}, true, "it is no release"},
		{"not opted in", "", change{from: "shop:v2", to: "shop:v3"}, true, "no label nightkeeper/gate"},
		{"of the cluster itself", "checkout", change{namespace: "kube-system", from: "shop:v2", to: "shop:v3"}, true, "of the cluster itself"},
	} {
		r := w.review(c.label, c.change)
		said := fmt.Sprint(r.Status.Message, r.Warnings, r.Audit["passes"])
		if vs, err := w.Verdicts(t.Context(), 1); err == nil && r.Audit["decision"] == vs[0].ID {
			said += strings.Join(vs[0].Reasons, "; ")
		}
		if r.Allowed != c.allowed || !strings.Contains(said, c.says) || r.Allowed != (r.Status.Code == nil) {
			t.Errorf("%s: %+v %s", c.what, r, said)
		}
	}
	if got := kept() - before; got != 8 {
		t.Errorf("%d answers were kept, want those of the 8 that were asked about", got)
	}
	before = kept()
	if r := w.review("checkout", change{from: "shop:v2", to: "shop:v3", dryRun: true}); r.Allowed || len(r.Audit) != 0 || kept() != before {
		t.Errorf("a dry run: %+v", r)
	}
	for body, want := range map[string]int{
		`[]`: 400, `{}`: 400, `{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"1"}}`: 400,
		`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"operation":"CREATE"}}`: 400,
	} {
		if status, said, _ := w.send("POST", w.url+"/gate/kubernetes/nk_ci", "", json.RawMessage(body)); status != want {
			t.Errorf("%s: %d %s", body, status, said)
		}
	}
	labelled := json.RawMessage(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE","object":{"metadata":{"labels":{"nightkeeper/gate":"checkout"}},"spec":{"template":{"spec":{"containers":[]}}}}}}`)
	for path, want := range map[string]int{"kubernetes/guess": 401, "kubernetes": 401, "kubernetes/nk_ci": 200} {
		if status, said, _ := w.send("POST", w.url+"/gate/"+path, "", labelled); status != want {
			t.Errorf("%s: %d %s", path, status, said)
		}
	}
}

// A warning tells the person at kubectl what is nearly spent.
func TestKubernetesWarns(t *testing.T) {
	w := patient(t)
	w.detect.Ledger(objective).Add(time.Now(), 0, 45)
	if r := w.review("checkout", change{from: "shop:v1", to: "shop:v2"}); !r.Allowed || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "warn: checkout-availability has spent") {
		t.Errorf("%+v", r)
	}
}

// Whatever is sent, a review gets an answer with its uid, and anything else a 4xx.
func FuzzAdmission(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"UPDATE","object":{"metadata":{"labels":{"nightkeeper/gate":"checkout"}},"spec":{"template":{"spec":{"containers":[{"image":"a"}]}}}},"oldObject":{"spec":{"template":{"spec":{}}}}}}`))
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE","object":{"metadata":{"labels":{"nightkeeper/gate":"x"}},"spec":{"jobTemplate":{"spec":{"template":{"spec":7}}}}}}}`))
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":null}`))
	f.Add([]byte(`null`))
	h := gate.New(gate.Config{Prevent: prevent.New(prevent.Config{Log: slog.New(slog.DiscardHandler)}), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, body []byte) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/gate/kubernetes", strings.NewReader(string(body)))) // nobody's token: it is never asked
		b, err := io.ReadAll(rec.Result().Body)
		if err != nil {
			t.Fatal(err)
		}
		var in, out map[string]any
		switch rec.Code {
		case http.StatusBadRequest, http.StatusUnauthorized:
		case http.StatusOK:
			if json.Unmarshal(body, &in) != nil || json.Unmarshal(b, &out) != nil {
				t.Fatalf("%s: %s", body, b)
			}
			r, _ := out["response"].(map[string]any)
			if uid, _ := r["uid"].(string); uid == "" {
				t.Errorf("%s: %s", body, b)
			}
		default:
			t.Errorf("%s: %d %s", body, rec.Code, b)
		}
	})
}
