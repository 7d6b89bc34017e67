package app_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
)

const measuredSLOs = `apiVersion: openslo/v1
kind: SLO
metadata: {name: carts}
spec:
  service: checkout
  objectives: [{target: 0.999}]
  indicator:
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: metrics, spec: {metric: carts.lost}}}
        total: {metricSource: {type: metrics, spec: {metric: carts.opened}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: waits}
spec:
  service: checkout
  objectives: [{target: 0.99}]
  indicator:
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: metrics, spec: {metric: cart.wait, threshold: 250, match: ['service.version="7"']}}}
        total: {metricSource: {type: metrics, spec: {metric: cart.wait}}}
`

// What the OpenTelemetry SDK sends is counted to the event, also what it sends twice and over a restart of the server.
func TestObjectivesCountMetricsOfTheSDK(t *testing.T) {
	w := apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout"), "measured.yaml": measuredSLOs}, nil)
	ctx := t.Context()
	reader := sdkmetric.NewManualReader()
	res := resource.NewSchemaless(attribute.String("service.name", "checkout"), attribute.String("service.version", "7"))
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(res)).Meter("carts")
	opened, err := meter.Int64Counter("carts.opened")
	must(t, err)
	lost, err := meter.Float64Counter("carts.lost")
	must(t, err)
	wait, err := meter.Float64Histogram("cart.wait")
	must(t, err)
	send := func(times int) {
		t.Helper()
		var rm metricdata.ResourceMetrics
		must(t, reader.Collect(ctx, &rm))
		exp, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(w.App.GRPCAddr().String()), otlpmetricgrpc.WithInsecure())
		must(t, err)
		for range times {
			must(t, exp.Export(ctx, &rm))
		}
		must(t, exp.Shutdown(ctx))
	}
	check := func(when string, carts, waits slo.Counts) {
		t.Helper()
		for name, want := range map[string]slo.Counts{"carts": carts, "waits": waits} {
			if got := apptest.Get[detect.Status](w.API, "/api/v1/slos/"+name); got.Budget.Counts != want || got.Notes != nil {
				t.Errorf("%s, %s: %+v and %q, want %+v", when, name, got.Budget.Counts, got.Notes, want)
			}
		}
	}
	opened.Add(ctx, 100)
	for _, ms := range []float64{3, 250, 250.1, 9000} {
		wait.Record(ctx, ms)
	}
	send(2)
	check("first", slo.Counts{Good: 100, Total: 100}, slo.Counts{Good: 2, Total: 4})
	opened.Add(ctx, 10)
	lost.Add(ctx, 2.5)
	send(1)
	w.Stop()
	opened.Add(ctx, 10)
	lost.Add(ctx, 1.5)
	wait.Record(ctx, 100)
	w.Boot()
	send(2)
	check("after a restart", slo.Counts{Good: 116, Total: 120}, slo.Counts{Good: 3, Total: 5})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
