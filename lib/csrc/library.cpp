// Which torch the compiled library is for, so that Python can refuse it beside another one.

#include <torch/library.h>
#include <torch/version.h>

#include <string>

namespace {

std::string compiled_for() { return TORCH_VERSION; }

}  // namespace

TORCH_LIBRARY_FRAGMENT(e2ec, m) { m.def("compiled_for() -> str", &compiled_for); }
