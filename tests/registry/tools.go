//go:build tools

// Package registry pins crane, with which tests serve, push and check images. `build` builds it.
package registry

import _ "github.com/google/go-containerregistry/cmd/crane"
