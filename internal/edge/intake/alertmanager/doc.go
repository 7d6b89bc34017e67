// Package alertmanager speaks Alertmanager's API v2, so that Prometheus, Thanos, Mimir, vmalert, Grafana, amtool and karma
// take Nightkeeper for an Alertmanager: alerts come in and are listed, silences are made, listed and ended.
//
//	POST alerts -> caller, limits -> each alert checked -> detect takes the good ones in -> 200, or 400 with what was wrong
//
// It is not Alertmanager: it has no routes and no receivers. What is answered as receivers are the escalation policies of
// the catalog, and as groups the alerts that are one incident. An answer of 200 means that the alerts are durable.
package alertmanager
