"""numba's compiler, up to the instructions of LLVM.

numba optimises each function by itself, again in each function that calls it, and
makes machine code of all, in case that Python calls one. Here all functions are put
together once, and optimised together.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar

import llvmlite.binding as llvm
from numba.core import cgutils, types
from numba.core.codegen import AOTCodeLibrary, AOTCPUCodegen, CodeLibrary
from numba.core.compiler import Compiler


class _Library(AOTCodeLibrary):
    """Instructions of one function, as text, without those that it calls."""

    def __init__(self, codegen: Any, name: str) -> None:
        CodeLibrary.__init__(self, codegen, name)  # the next class makes a module
        self._linking_libraries: list[Any] = []
        self._text = ""

    def add_ir_module(self, ir_module: Any) -> None:
        """Keep the instructions; `link` parses them, once."""
        self._text = cgutils.normalize_ir_text(str(ir_module))

    def finalize(self) -> None:
        """Leave all as it is."""
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0: there is no machine code."""
        return 0

    def _get_module_for_linking(self) -> llvm.ModuleRef:
        module = llvm.parse_assembly(self._text)
        module.data_layout = self._codegen._data_layout
        return module


class _Codegen(AOTCPUCodegen):
    _library_class = _Library

    def set_env(self, name: str, env: Any) -> None:
        """Do nothing: there is no machine code that reads it."""


_codegen = _Codegen("sklearn_rnn", "host")


# passes of numba that change nothing here, and take a tenth of the time: for closures,
# contexts, literals, inlining, and expressions of whole arrays
_UNUSED_PASSES = {
    *("WithLifting", "InlineClosureLikes", "MakeFunctionToJitFunction"),
    *("InlineInlinables", "InlineOverloads", "RewriteDynamicRaises"),
    *("FindLiterallyCalls", "LiteralUnroll", "LiteralPropagationSubPipelinePass"),
    *("NopythonRewrites", "NoPythonSupportedFeatureValidation"),
    "DumpParforDiagnostics",
}


class _Typing:
    """numba's types of calls; those of its own functions are found once.

    numba tries all templates of ``+``, say, for each sum of two integers.
    """

    _found: ClassVar[dict[Any, Any]] = {}

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        """Return the signature of a call; None if there is none."""
        if not isinstance(func, types.Function):
            return self._context.resolve_function_type(func, args, kws)
        # an equal function does not know the implementation that was found
        key = id(func), tuple(args), tuple(sorted(kws.items()))
        if key not in self._found:
            signature = self._context.resolve_function_type(func, args, kws)
            self._found[key] = func, signature
        return self._found[key][1]


class Lowering(Compiler):
    """numba's compiler with such a library and such types."""

    def __init__(self, typingctx: Any, *args: Any) -> None:
        super().__init__(_Typing(typingctx), *args)

    def define_pipelines(self) -> Any:
        """Return the passes that are needed."""
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [
                (step, description)
                for step, description in pipeline.passes
                if step.__name__ not in _UNUSED_PASSES
            ]
            pipeline.finalize()
            # it would look for live variables anew after each pass, for nobody
            pipeline._ENFORCING = False
        return pipelines

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        self.state.library = _codegen.create_library(func.__qualname__)
        return super().compile_extra(func)


def link(libraries: Iterable[Any]) -> llvm.ModuleRef:
    """Return one module of some functions and of all that they call."""
    first, *others = _reach(libraries)
    whole = first._get_module_for_linking()
    for library in others:
        # a module of numba's own is linked again
        is_kept = not isinstance(library, _Library)
        whole.link_in(library._get_module_for_linking(), preserve=is_kept)
    return whole


def _reach(libraries: Iterable[Any]) -> Iterator[Any]:
    found, waiting = set(), list(libraries)
    while waiting:
        library = waiting.pop()
        if library not in found:
            found.add(library)
            waiting += library._linking_libraries
            yield library


def optimize(
    module: llvm.ModuleRef, machine: llvm.TargetMachine, entries: Collection[str]
) -> None:
    """Optimise all functions together; only the entries are needed by themselves."""
    for function in module.functions:
        if not function.is_declaration and function.name not in entries:
            function.linkage = "internal"
    # level 3 takes a fifth longer, for kernels that are as fast
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = True
    options.loop_unrolling = False  # half of the machine code, at the same speed
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
