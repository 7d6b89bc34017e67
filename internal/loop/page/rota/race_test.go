//go:build race

package rota

// everyNth thins out the zones: the race detector makes each look ten times as long, and finds nothing more in them.
const everyNth = 20
