// Package apptest runs a whole Nightkeeper in a test: a real store, a real telemetry engine as a child, every loop, and
// every address on a free port of this machine. The test speaks to it as people and programs do: OTLP in, the API, and
// channels out. It is for tests only.
package apptest
