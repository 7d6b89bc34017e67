//go:build !race

package rota

const everyNth = 1
