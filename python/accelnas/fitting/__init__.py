"""Make a benchmark: data set → fitted models → compiled tables (extra ``[build]``).

The modules follow the data: ``fetch`` downloads the public archive, ``dataset`` reads and checks
it, ``splits`` divides it, ``families`` and ``fit`` train the models, ``treelite_import`` and
``compile`` turn them into the benchmark directory that ``accelnas.load`` reads.
"""
