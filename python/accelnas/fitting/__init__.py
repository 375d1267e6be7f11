"""Make a benchmark: data set → fitted models → compiled tables (extra ``[build]``).

The modules stand in the order of the data; one uses only what stands before it:

- measurements: ``lookalikes`` → ``records`` → ``columns``, ``table``, ``archive`` → ``checks`` → ``dataset`` →
  ``splits`` → ``fetch``
- fits: ``anova`` → ``families`` → ``settings`` → ``ensemble`` → ``uncertainty``, ``evaluate``
- compiling: ``encoding`` → ``checkpoint`` → ``sources`` → ``verify`` → ``provenance`` → ``compile``
- all of it: ``costs`` → ``fit``, which writes the benchmark directory that ``accelnas.load`` reads → ``automatic``,
  which chooses what to fit
- spaces that are small enough to enumerate: ``joined`` → ``completion`` → ``tabulate`` → ``partial``;
  ``encoding`` → ``enumeration`` → ``estimators``
- beside it: ``layout`` → ``infer`` finds the space of a table,
  ``tuning`` (``search_space`` → ``objective`` → ``study`` → ``run`` → ``tuner``) finds settings, and
  ``evaluation`` (``cells`` → ``runs`` → ``results`` → ``plots`` → ``report``) compares them
"""
