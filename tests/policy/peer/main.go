// SPDX-License-Identifier: Apache-2.0

// Says what podman's own library makes of images under policies: the peer that ours is compared with.
//
// Reads lines of a policy's path, the directory of registries.d and an image, separated by tabs; answers each with a line
// of JSON: whether it is allowed, and why not.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strings"

	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/transports/alltransports"
	"go.podman.io/image/v5/types"
)

type answer struct {
	Allowed bool   `json:"allowed"`
	Why     string `json:"why"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		words := strings.Split(lines.Text(), "\t")
		allowed, err := judge(words[0], words[1], words[2])
		why := ""
		if err != nil {
			why = err.Error()
		}
		_ = out.Encode(answer{allowed, why})
	}
}

func judge(policyPath, registries, name string) (bool, error) {
	system := &types.SystemContext{
		RegistriesDirPath:           registries,
		DockerInsecureSkipTLSVerify: types.OptionalBoolTrue,
		ArchitectureChoice:          "amd64",
		OSChoice:                    "linux",
	}
	policy, err := signature.NewPolicyFromFile(policyPath)
	if err != nil {
		return false, err
	}
	rules, err := signature.NewPolicyContext(policy)
	if err != nil {
		return false, err
	}
	defer rules.Destroy()
	reference, err := alltransports.ParseImageName(name)
	if err != nil {
		return false, err
	}
	source, err := reference.NewImageSource(context.Background(), system)
	if err != nil {
		return false, err
	}
	defer source.Close()
	unparsed, err := own(source, system)
	if err != nil {
		return false, err
	}
	return rules.IsRunningImageAllowed(context.Background(), unparsed)
}

// own gives the image itself, where its name leads to an index that of the platform.
func own(source types.ImageSource, system *types.SystemContext) (*image.UnparsedImage, error) {
	unparsed := image.UnparsedInstance(source, nil)
	data, kind, err := unparsed.Manifest(context.Background())
	if err != nil || !manifest.MIMETypeIsMultiImage(kind) {
		return unparsed, err
	}
	list, err := manifest.ListFromBlob(data, kind)
	if err != nil {
		return nil, err
	}
	digest, err := list.ChooseInstance(system)
	if err != nil {
		return nil, err
	}
	return image.UnparsedInstance(source, &digest), nil
}
